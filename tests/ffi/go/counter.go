// SPDX-License-Identifier: Apache-2.0

// A counter and a gauge from Go. With an argument: the events in hexadecimal, at fixed times.
package main

// #cgo pkg-config: otelue
// #include <otelue/otelue.h>
import "C"

import (
	"fmt"
	"os"
	"time"
	"unsafe"
)

// A batch is a byte slice without pointers, so it can be handed to C as it is.
type batch []byte

func put[T any](b *batch, v ...T) C.uint32_t {
	for len(*b)%8 != 0 {
		*b = append(*b, 0)
	}
	off := len(*b)
	*b = append(*b, unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))...)
	return C.uint32_t(off)
}

func (b *batch) text(s string) C.otelue_ref {
	*b = append(*b, s...)
	return C.otelue_ref{off: C.uint32_t(len(*b) - len(s)), len: C.uint32_t(len(s))}
}

func (b *batch) attribute(key, value string) C.otelue_ref {
	k, v := b.text(key), b.text(value)
	off := put(b, C.otelue_attribute{k, C.otelue_value{C.OTELUE_STRING, v.len, C.uint64_t(v.off)}})
	return C.otelue_ref{off, 1}
}

func main() {
	now := C.uint64_t(time.Now().UnixNano())
	if len(os.Args) > 1 {
		now = 1000000000000000000
	}
	b := make(batch, C.sizeof_otelue_batch, 4096)
	resource := put(&b, C.otelue_resource{attributes: b.attribute("service.name", "svc")})
	scope := put(&b, C.otelue_scope{name: b.text("my.meter")})
	counter := put(&b, C.otelue_metric{scope: scope, kind: C.OTELUE_SUM, name: b.text("http.requests"),
		unit: b.text("{request}"), temporality: C.OTELUE_DELTA, is_monotonic: 1})
	gauge := put(&b, C.otelue_metric{scope: scope, kind: C.OTELUE_GAUGE, name: b.text("queue.depth")})
	method := b.attribute("method", "GET")
	points := put(&b,
		C.otelue_point{metric: counter, start_time_unix_nano: now - 1000000000, time_unix_nano: now,
			attributes: method, value_type: C.OTELUE_INT, as_int: 7},
		C.otelue_point{metric: gauge, start_time_unix_nano: now - 1000000000, time_unix_nano: now,
			value_type: C.OTELUE_DOUBLE, as_double: 2.5})
	*(*C.otelue_batch)(unsafe.Pointer(&b[0])) = C.otelue_batch{magic: C.OTELUE_BATCH_MAGIC,
		version: C.OTELUE_BATCH_VERSION, header_size: C.sizeof_otelue_batch, total_size: C.uint32_t(len(b)),
		points: C.otelue_ref{points, 2}, resource: resource}

	if len(os.Args) > 1 {
		var cursor C.otelue_cursor
		var written C.size_t
		event := make([]byte, C.OTELUE_DEFAULT_MAX_EVENT_BYTES+C.OTELUE_ENCODE_SLACK)
		for C.otelue_encode_next(unsafe.Pointer(&b[0]), C.size_t(len(b)), nil, &cursor, unsafe.Pointer(&event[0]),
			C.size_t(len(event)), &written, nil) == 1 {
			fmt.Printf("%x\n", event[:written])
		}
	}
	var exporter *C.otelue_exporter
	if C.otelue_open(nil, nil, nil, &exporter) != 0 {
		os.Exit(1)
	}
	returned := C.otelue_export(exporter, unsafe.Pointer(&b[0]), C.size_t(len(b)), nil)
	C.otelue_close(exporter)
	os.Exit(int(returned))
}
