// SPDX-License-Identifier: Apache-2.0
// The library's functions for src/addon.ts, which is all that calls them. Each thread of Node.js that loads the addon
// has handles of its own, which are closed with it or by its garbage collector.

#include <errno.h>
#include <node_api.h>
#include <string.h>

#include "otelue.h"

namespace {

constexpr size_t kMaxArguments = 4;

class Call {
 public:
  Call(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kMaxArguments;
    if (napi_get_cb_info(env, info, &count, arguments_, nullptr, nullptr) != napi_ok) count = 0;
    for (size_t i = count; i < kMaxArguments; ++i) arguments_[i] = nullptr;
  }

  /// NULL, which the library refuses, when it is none.
  otelue_exporter *Handle(size_t index) const {
    void *handle = nullptr;
    if (napi_get_value_external(env_, arguments_[index], &handle) != napi_ok) return nullptr;
    return static_cast<otelue_exporter *>(handle);
  }

  uint32_t Uint32(size_t index) const {
    uint32_t value = 0;
    napi_get_value_uint32(env_, arguments_[index], &value);
    return value;
  }

  int32_t Int32(size_t index) const {
    int32_t value = 0;
    napi_get_value_int32(env_, arguments_[index], &value);
    return value;
  }

  /// The memory of an ArrayBuffer, or NULL.
  void *Memory(size_t index, size_t *size) const {
    void *data = nullptr;
    *size = 0;
    bool is_buffer = false;
    if (napi_is_arraybuffer(env_, arguments_[index], &is_buffer) != napi_ok || !is_buffer) return nullptr;
    if (napi_get_arraybuffer_info(env_, arguments_[index], &data, size) != napi_ok) return nullptr;
    return data;
  }

  /// A struct of the library in an ArrayBuffer, whose size it is told; NULL when there is none.
  template <typename Struct>
  Struct *StructOf(size_t index) const {
    size_t size;
    auto *out = static_cast<Struct *>(Memory(index, &size));
    if (out == nullptr || size < sizeof(uint32_t)) return nullptr;
    out->struct_size = static_cast<uint32_t>(size);
    return out;
  }

  napi_value Number(int64_t value) const {
    napi_value number = nullptr;
    napi_create_int64(env_, value, &number);
    return number;
  }

  napi_value Text(const char *text) const {
    napi_value string = nullptr;
    napi_create_string_utf8(env_, text, NAPI_AUTO_LENGTH, &string);
    return string;
  }

  napi_env env() const { return env_; }
  napi_value argument(size_t index) const { return arguments_[index]; }

 private:
  napi_env env_;
  napi_value arguments_[kMaxArguments];
};

void Close(napi_env, void *handle, void *) { otelue_close(static_cast<otelue_exporter *>(handle)); }

/// open(packing, targetEventBytes, maxEventBytes, recording or undefined): a handle, or what the library returned.
napi_value Open(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  otelue_options options = {};
  options.struct_size = sizeof options;
  options.packing = call.Uint32(0);
  options.target_event_bytes = call.Uint32(1);
  options.max_event_bytes = call.Uint32(2);
  char path[4096];
  size_t length = 0;
  otelue_exporter *handle = nullptr;
  const bool to_file = napi_get_value_string_utf8(env, call.argument(3), path, sizeof path, &length) == napi_ok;
  if (to_file && length >= sizeof path - 1) return call.Number(-ENAMETOOLONG);
  const int returned = to_file ? otelue_open_recording(&options, path, nullptr, nullptr, &handle)
                               : otelue_open(&options, nullptr, nullptr, &handle);
  if (returned != 0) return call.Number(returned);
  napi_value external = nullptr;
  if (napi_create_external(env, handle, Close, nullptr, &external) != napi_ok) {
    otelue_close(handle);
    return call.Number(-ENOMEM);
  }
  return external;
}

/// listening(handle): -1 when somebody listens, else the step.
napi_value Listening(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  uint32_t step = 0;
  return call.Number(otelue_listening(call.Handle(0), &step) == 1 ? -1 : static_cast<int64_t>(step));
}

/// export(handle, batch, size, result): what the library returned.
napi_value Export(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  size_t capacity;
  const void *batch = call.Memory(1, &capacity);
  const size_t size = call.Uint32(2);
  if (size > capacity) return call.Number(-EINVAL);
  return call.Number(otelue_export(call.Handle(0), batch, size, call.StructOf<otelue_result>(3)));
}

/// describe(batch or undefined, size, returned, result or undefined): a sentence.
napi_value Describe(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  size_t capacity;
  const void *batch = call.Memory(0, &capacity);
  const size_t size = call.Uint32(1) <= capacity ? call.Uint32(1) : capacity;
  char text[1024] = "";
  otelue_describe(batch, size, call.Int32(2), call.StructOf<otelue_result>(3), text, sizeof text);
  return call.Text(text);
}

/// status(handle): what is known of the tracepoint, in words.
napi_value Status(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  otelue_status status = {};
  status.struct_size = sizeof status;
  otelue_get_status(call.Handle(0), &status);
  return call.Text(status.message);
}

/// statistics(handle, out): what the library returned.
napi_value Statistics(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return call.Number(otelue_get_statistics(call.Handle(0), call.StructOf<otelue_statistics>(1)));
}

/// shutdown(handle): what the library returned.
napi_value Shutdown(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return call.Number(otelue_shutdown(call.Handle(0)));
}

}  // namespace

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback callback;
  } kFunctions[] = {
      {"open", Open},     {"listening", Listening},   {"export", Export},     {"describe", Describe},
      {"status", Status}, {"statistics", Statistics}, {"shutdown", Shutdown},
  };
  for (const auto &function : kFunctions) {
    napi_value value = nullptr;
    if (napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.callback, nullptr, &value) != napi_ok ||
        napi_set_named_property(env, exports, function.name, value) != napi_ok) {
      return nullptr;
    }
  }
  return exports;
}
