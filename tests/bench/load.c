// SPDX-License-Identifier: Apache-2.0
// Loads two libraries, and prints what the second one took: nanoseconds, resident bytes of its own mappings, and by how
// much the whole process has grown. The first one is there to bring in the loader.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char text[1 << 20];

// Resident bytes of all mappings of a file, or of all that there are. Allocates nothing.
static long resident(const char *path) {
  const int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
  size_t size = 0;
  for (ssize_t n; (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += (size_t)n;
  close(fd);
  text[size] = '\0';
  long sum = 0;
  bool counts = false;
  for (const char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    // A mapping's line begins with its addresses, in lower case; those of its properties with a capital letter.
    if (*line < 'A' || *line > 'Z') counts = path == NULL || strstr(line, path) != NULL;
    if (counts && strncmp(line, "Rss:", 4) == 0) sum += strtol(line + 4, NULL, 10);
  }
  return sum * 1024;
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  memset(text, 1, sizeof text);
  const void *first = dlopen(argv[1], RTLD_NOW);
  resident(NULL);
  const long before = resident(NULL);
  const long long start = now();
  const void *library = dlopen(argv[2], RTLD_NOW);
  const long long end = now();
  const long after = resident(NULL);
  if (first == NULL || library == NULL) {
    fprintf(stderr, "load: %s\n", dlerror());
    return 1;
  }
  printf("{\"ns\":%lld,\"bytes\":%ld,\"growth\":%ld}\n", end - start, resident(argv[2]), after - before);
  return 0;
}
