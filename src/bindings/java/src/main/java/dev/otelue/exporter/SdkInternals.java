// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.internal.DynamicPrimitiveLongList;
import io.opentelemetry.sdk.common.internal.PrimitiveLongList;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.resources.internal.Entity;
import io.opentelemetry.sdk.resources.internal.EntityUtil;
import java.util.Collection;
import java.util.List;

/**
 * What the SDK keeps in packages that it may change: numbers without boxes, and entities. Without
 * them numbers cost more, and resources have no entities.
 */
final class SdkInternals {
  private static volatile boolean hasLists = true;
  private static volatile boolean hasEntities = true;

  static long putLongs(Memory memory, List<Long> numbers) {
    if (hasLists) {
      try {
        return Lists.put(memory, numbers);
      } catch (LinkageError e) {
        hasLists = false;
      }
    }
    return putBoxed(memory, numbers);
  }

  private static long putBoxed(Memory memory, List<Long> numbers) {
    int size = numbers.size();
    int at = memory.reserve(8L * size, 8);
    for (int i = 0; i < size; i++) {
      memory.bytes.putLong(at + 8 * i, numbers.get(i));
    }
    return Memory.ref(at, size);
  }

  static long putEntities(Memory memory, Resource resource) {
    if (hasEntities) {
      try {
        return Entities.put(memory, resource);
      } catch (LinkageError e) {
        hasEntities = false;
      }
    }
    return 0;
  }

  /** Loaded when it is first used, which fails where the SDK is another. */
  private static final class Lists {
    private static final Class<?> WRAPPED = PrimitiveLongList.wrap(new long[0]).getClass();

    static long put(Memory memory, List<Long> numbers) {
      if (numbers instanceof DynamicPrimitiveLongList) {
        DynamicPrimitiveLongList list = (DynamicPrimitiveLongList) numbers;
        int size = list.size();
        int at = memory.reserve(8L * size, 8);
        for (int i = 0; i < size; i++) {
          memory.bytes.putLong(at + 8 * i, list.getLong(i));
        }
        return Memory.ref(at, size);
      }
      if (numbers.getClass() == WRAPPED) {
        long[] array = PrimitiveLongList.toArray(numbers);
        return memory.putLongs(array, 0, array.length);
      }
      return putBoxed(memory, numbers);
    }
  }

  private static final class Entities {
    static long put(Memory memory, Resource resource) {
      Collection<Entity> entities = EntityUtil.getEntities(resource);
      if (entities.isEmpty()) {
        return 0;
      }
      int at = memory.record(entities.size() * Records.EntityRef.SIZE);
      int record = at;
      for (Entity entity : entities) {
        long schemaUrl = memory.putText(entity.getSchemaUrl());
        long type = memory.putText(entity.getType());
        long id = putKeys(memory, entity.getId());
        long description = putKeys(memory, entity.getDescription());
        memory.bytes.putLong(record + Records.EntityRef.SCHEMA_URL, schemaUrl);
        memory.bytes.putLong(record + Records.EntityRef.TYPE, type);
        memory.bytes.putLong(record + Records.EntityRef.ID_KEYS, id);
        memory.bytes.putLong(record + Records.EntityRef.DESCRIPTION_KEYS, description);
        record += Records.EntityRef.SIZE;
      }
      return Memory.ref(at, entities.size());
    }

    private static long putKeys(Memory memory, Attributes attributes) {
      long[] keys = new long[attributes.size()];
      int number = 0;
      for (AttributeKey<?> key : attributes.asMap().keySet()) {
        keys[number++] = memory.putText(key.getKey());
      }
      return memory.putLongs(keys, 0, number);
    }
  }

  private SdkInternals() {}
}
