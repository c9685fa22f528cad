// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import com.google.gson.Gson;
import java.lang.reflect.Field;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Prints what the exporter believes of the ABI, for layout.py. Takes Java 22 or later. */
final class Layout {
  public static void main(String[] arguments) throws ReflectiveOperationException {
    Map<String, Object> records = new TreeMap<>();
    for (Class<?> record : Records.class.getDeclaredClasses()) {
      Map<String, Integer> fields = numbers(record);
      int size = fields.remove("SIZE");
      Map<String, Integer> offsets = new TreeMap<>();
      fields.forEach(
          (name, offset) -> {
            String field = name.toLowerCase(Locale.ROOT);
            boolean isInner = record == Records.Attribute.class && field.startsWith("value_");
            offsets.put(isInner ? field.replace("value_", "value.") : field, offset);
          });
      records.put(
          "otelue" + record.getSimpleName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT),
          Map.of("size", size, "fields", offsets));
    }
    Map<String, Integer> numbers = new TreeMap<>();
    numbers(Records.class).forEach((name, value) -> numbers.put("OTELUE_" + name, value));
    for (Packing packing : Packing.values()) {
      numbers.put("OTELUE_PACK_" + packing, packing.ordinal());
    }
    Map<String, Integer> functions = new TreeMap<>();
    Field found = Binding.class.getDeclaredField("FUNCTIONS");
    for (Map.Entry<?, ?> function : ((Map<?, ?>) found.get(null)).entrySet()) {
      Object descriptor = function.getValue();
      Object parameters =
          Class.forName("java.lang.foreign.FunctionDescriptor")
              .getMethod("argumentLayouts")
              .invoke(descriptor);
      functions.put((String) function.getKey(), ((java.util.List<?>) parameters).size());
    }
    System.out.println(
        new Gson().toJson(Map.of("records", records, "functions", functions, "numbers", numbers)));
  }

  private static Map<String, Integer> numbers(Class<?> type) throws IllegalAccessException {
    Map<String, Integer> found = new TreeMap<>();
    for (Field field : type.getDeclaredFields()) {
      if (field.getType() == int.class) {
        found.put(field.getName(), field.getInt(null));
      }
    }
    return found;
  }

  private Layout() {}
}
