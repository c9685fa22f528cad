// SPDX-License-Identifier: Apache-2.0
// Loads an addon as Node.js does, with functions of Node-API that do next to nothing, and prints what it exports.
#include <dlfcn.h>
#include <node_api.h>
#include <stdio.h>

#define STUB(name, ...) \
  napi_status name(__VA_ARGS__) { return napi_ok; }

STUB(napi_get_cb_info, napi_env e, napi_callback_info i, size_t *c, napi_value *v, napi_value *t, void **d)
STUB(napi_get_value_external, napi_env e, napi_value v, void **r)
STUB(napi_get_value_uint32, napi_env e, napi_value v, uint32_t *r)
STUB(napi_get_value_int32, napi_env e, napi_value v, int32_t *r)
STUB(napi_get_value_string_utf8, napi_env e, napi_value v, char *b, size_t s, size_t *r)
STUB(napi_is_arraybuffer, napi_env e, napi_value v, bool *r)
STUB(napi_get_arraybuffer_info, napi_env e, napi_value v, void **d, size_t *s)
STUB(napi_create_int64, napi_env e, int64_t v, napi_value *r)
STUB(napi_create_string_utf8, napi_env e, const char *s, size_t l, napi_value *r)
STUB(napi_create_external, napi_env e, void *d, napi_finalize f, void *h, napi_value *r)
STUB(napi_create_function, napi_env e, const char *n, size_t l, napi_callback f, void *d, napi_value *r)

napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value) {
  puts(name);
  return napi_ok;
}

int main(int argc, char **argv) {
  void *addon = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (addon == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  napi_addon_register_func initialize;
  *(void **)&initialize = dlsym(addon, "napi_register_module_v1");
  return initialize == NULL || initialize(NULL, (napi_value)argv) != (napi_value)argv;
}
