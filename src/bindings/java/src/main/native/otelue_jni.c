// SPDX-License-Identifier: Apache-2.0

// What Java before 22 calls: dev.otelue.exporter.Binding. Pointers are addresses, so no object of Java's is touched.

#include <jni.h>
#include <stdint.h>

#include "otelue.h"

#define POINTER(address) ((void *)(uintptr_t)(address))
#define EXPORTER ((otelue_exporter *)(uintptr_t)exporter)
#define FUNCTION(type, name) JNIEXPORT type JNICALL Java_dev_otelue_exporter_Binding_##name
#define SELF JNIEnv *env, jobject self
#define UNUSED ((void)env, (void)self)

FUNCTION(jlong, addressOf)(JNIEnv *env, jclass type, jobject buffer) {
  (void)type;
  return (jlong)(uintptr_t)(*env)->GetDirectBufferAddress(env, buffer);
}

FUNCTION(jint, version)(SELF) {
  UNUSED;
  return (jint)otelue_version();
}

FUNCTION(jint, open)(SELF, jlong options, jlong out) {
  UNUSED;
  return otelue_open(POINTER(options), NULL, NULL, POINTER(out));
}

FUNCTION(jint, openRecording)(SELF, jlong options, jlong path, jlong out) {
  UNUSED;
  return otelue_open_recording(POINTER(options), POINTER(path), NULL, NULL, POINTER(out));
}

FUNCTION(jint, listening)(SELF, jlong exporter, jlong step) {
  UNUSED;
  return otelue_listening(EXPORTER, POINTER(step));
}

FUNCTION(jint, export)(SELF, jlong exporter, jlong batch, jlong size, jlong result) {
  UNUSED;
  return otelue_export(EXPORTER, POINTER(batch), (size_t)size, POINTER(result));
}

FUNCTION(jint, describe)(SELF, jlong data, jlong size, jint returned, jlong result, jlong text, jlong capacity) {
  UNUSED;
  return otelue_describe(POINTER(data), (size_t)size, returned, POINTER(result), POINTER(text), (size_t)capacity);
}

FUNCTION(jint, encodeAttributes)(SELF, jlong memory, jlong size, jint off, jint len, jlong out, jlong capacity,
                                 jlong written) {
  UNUSED;
  return otelue_encode_attributes(POINTER(memory), (size_t)size, (uint32_t)off, (uint32_t)len, POINTER(out),
                                  (size_t)capacity, POINTER(written), NULL, NULL);
}

FUNCTION(jint, getStatus)(SELF, jlong exporter, jlong status) {
  UNUSED;
  return otelue_get_status(EXPORTER, POINTER(status));
}

FUNCTION(jint, getStatistics)(SELF, jlong exporter, jlong statistics) {
  UNUSED;
  return otelue_get_statistics(EXPORTER, POINTER(statistics));
}

FUNCTION(jint, shutdown)(SELF, jlong exporter) {
  UNUSED;
  return otelue_shutdown(EXPORTER);
}

FUNCTION(void, close)(SELF, jlong exporter) {
  UNUSED;
  otelue_close(EXPORTER);
}
