// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import java.io.BufferedReader;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;

/** The library in the jar, one for each platform. */
final class NativeFile {
  /** Copies the library to a file, hands over its path, and deletes it: once loaded it stays. */
  static <T> T load(Function<String, T> loader) throws IOException {
    String resource = "/META-INF/native/" + platform() + "/libotelue-java.so";
    try (InputStream content = NativeFile.class.getResourceAsStream(resource)) {
      if (content == null) {
        throw new FileNotFoundException("there is none for " + platform());
      }
      Path file = Files.createTempFile("otelue-", ".so");
      try {
        Files.copy(content, file, StandardCopyOption.REPLACE_EXISTING);
        return loader.apply(file.toString());
      } finally {
        Files.deleteIfExists(file);
      }
    }
  }

  /** linux-x86_64, linux-aarch64, and the same with -musl. */
  static String platform() {
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String machine = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    if (machine.equals("amd64")) {
      machine = "x86_64";
    }
    return system + "-" + machine + (isMusl() ? "-musl" : "");
  }

  /** Whether this process has musl's loader in its memory. */
  private static boolean isMusl() {
    try (BufferedReader maps =
            Files.newBufferedReader(Paths.get("/proc/self/maps"), StandardCharsets.ISO_8859_1);
        Stream<String> lines = maps.lines()) {
      return lines.anyMatch(line -> line.contains("/ld-musl-"));
    } catch (IOException | RuntimeException e) {
      return false; // elsewhere than on Linux
    }
  }

  private NativeFile() {}
}
