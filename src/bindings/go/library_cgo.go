// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package otelue

// The library is compiled from otelue.cc, which `sources` makes, or with the tag otelue_system found by pkg-config.

/*
#cgo !otelue_system CPPFLAGS: -DOTELUE_BUNDLED -DNDEBUG -D_GNU_SOURCE
#cgo !otelue_system CXXFLAGS: -std=c++20 -fno-exceptions -fno-rtti -fvisibility=hidden -fstack-clash-protection
#cgo !otelue_system LDFLAGS: -Wl,--as-needed
#cgo otelue_system pkg-config: otelue
#include <stdlib.h>
#ifdef OTELUE_BUNDLED
#include "otelue.h"
#else
#include <otelue/otelue.h>
#endif
*/
import "C"

import "unsafe"

type handle = *C.otelue_exporter

func load() error { return nil }

func open(o *options, recording string) (h handle, returned int) {
	copts := (*C.otelue_options)(unsafe.Pointer(o))
	if recording == "" {
		return h, int(C.otelue_open(copts, nil, nil, &h))
	}
	path := C.CString(recording)
	defer C.free(unsafe.Pointer(path))
	returned = int(C.otelue_open_recording(copts, path, nil, nil, &h))
	return h, returned
}

func listening(h handle) (yes bool, step uint32) {
	var s C.uint32_t
	yes = C.otelue_listening(h, &s) == 1
	return yes, uint32(s)
}

func export(h handle, data []byte, r *result) int {
	r.structSize = uint32(unsafe.Sizeof(*r))
	return int(C.otelue_export(h, pointer(data), C.size_t(len(data)), (*C.otelue_result)(unsafe.Pointer(r))))
}

func describe(data []byte, returned int, r *result) string {
	var text [1024]byte
	C.otelue_describe(pointer(data), C.size_t(len(data)), C.int(returned), (*C.otelue_result)(unsafe.Pointer(r)),
		(*C.char)(unsafe.Pointer(&text)), C.size_t(len(text)))
	return terminated(text[:])
}

func encodeAttributes(memory []byte, records ref, out []byte) (written int) {
	var size C.size_t
	if C.otelue_encode_attributes(pointer(memory), C.size_t(len(memory)), C.uint32_t(records.off),
		C.uint32_t(records.len), pointer(out), C.size_t(len(out)), &size, nil, nil) != 0 {
		return 0
	}
	return int(size)
}

func statusMessage(h handle) string {
	s := status{structSize: uint32(unsafe.Sizeof(status{}))}
	C.otelue_get_status(h, (*C.otelue_status)(unsafe.Pointer(&s)))
	return terminated(s.message[:])
}

func statistics(h handle, s *Statistics) {
	s.structSize = uint32(unsafe.Sizeof(*s))
	C.otelue_get_statistics(h, (*C.otelue_statistics)(unsafe.Pointer(s)))
}

func shutDown(h handle) int { return int(C.otelue_shutdown(h)) }

func closeHandle(h handle) { C.otelue_close(h) }

func pointer(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }
