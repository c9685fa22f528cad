// SPDX-License-Identifier: Apache-2.0
// Loads a library and prints its release.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  unsigned (*version)(void) = library != NULL ? (unsigned (*)(void))dlsym(library, "otelue_version") : NULL;
  if (version == NULL) {
    puts(dlerror());
    return 1;
  }
  printf("%u.%u.%u\n", version() >> 16, version() >> 8 & 0xff, version() & 0xff);
  return 0;
}
