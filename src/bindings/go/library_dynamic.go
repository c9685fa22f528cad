// SPDX-License-Identifier: Apache-2.0

//go:build linux && !cgo

package otelue

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Without cgo the library is loaded when the first exporter is made: $OTELUE_LIBRARY, or else libotelue.so.1, which the
// dynamic linker looks for in LD_LIBRARY_PATH, its cache (ldconfig) and the system's directories.

type handle = uintptr

type function struct {
	name       string
	parameters int
	address    uintptr
}

var (
	openFunction          = function{name: "otelue_open", parameters: 4}
	openRecordingFunction = function{name: "otelue_open_recording", parameters: 5}
	listeningFunction     = function{name: "otelue_listening", parameters: 2}
	exportFunction        = function{name: "otelue_export", parameters: 4}
	describeFunction      = function{name: "otelue_describe", parameters: 6}
	encodeFunction        = function{name: "otelue_encode_attributes", parameters: 9}
	statusFunction        = function{name: "otelue_get_status", parameters: 2}
	statisticsFunction    = function{name: "otelue_get_statistics", parameters: 2}
	shutdownFunction      = function{name: "otelue_shutdown", parameters: 1}
	closeFunction         = function{name: "otelue_close", parameters: 1}

	functions = []*function{
		&openFunction, &openRecordingFunction, &listeningFunction, &exportFunction, &describeFunction, &encodeFunction,
		&statusFunction, &statisticsFunction, &shutdownFunction, &closeFunction,
	}
)

var load = sync.OnceValue(func() error {
	path := os.Getenv("OTELUE_LIBRARY")
	if path == "" {
		path = "libotelue.so.1"
	}
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return err
	}
	for _, f := range functions {
		if f.address, err = purego.Dlsym(library, f.name); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
})

//go:uintptrescapes
func (f *function) call(arguments ...uintptr) int {
	if len(arguments) != f.parameters {
		panic(f.name)
	}
	returned, _, _ := purego.SyscallN(f.address, arguments...)
	return int(int32(returned))
}

func open(o *options, recording string) (h handle, returned int) {
	if recording == "" {
		returned = openFunction.call(uintptr(unsafe.Pointer(o)), 0, 0, uintptr(unsafe.Pointer(&h)))
		return h, returned
	}
	path := append([]byte(recording), 0)
	returned = openRecordingFunction.call(uintptr(unsafe.Pointer(o)), uintptr(pointer(path)), 0, 0, uintptr(unsafe.Pointer(&h)))
	return h, returned
}

func listening(h handle) (yes bool, step uint32) {
	yes = listeningFunction.call(h, uintptr(unsafe.Pointer(&step))) == 1
	return yes, step
}

func export(h handle, data []byte, r *result) int {
	r.structSize = uint32(unsafe.Sizeof(*r))
	return exportFunction.call(h, uintptr(pointer(data)), uintptr(len(data)), uintptr(unsafe.Pointer(r)))
}

func describe(data []byte, returned int, r *result) string {
	var text [1024]byte
	describeFunction.call(uintptr(pointer(data)), uintptr(len(data)), uintptr(returned), uintptr(unsafe.Pointer(r)),
		uintptr(unsafe.Pointer(&text)), uintptr(len(text)))
	return terminated(text[:])
}

func encodeAttributes(memory []byte, records ref, out []byte) (written int) {
	if encodeFunction.call(uintptr(pointer(memory)), uintptr(len(memory)), uintptr(records.off), uintptr(records.len),
		uintptr(pointer(out)), uintptr(len(out)), uintptr(unsafe.Pointer(&written)), 0, 0) != 0 {
		return 0
	}
	return written
}

func statusMessage(h handle) string {
	s := status{structSize: uint32(unsafe.Sizeof(status{}))}
	statusFunction.call(h, uintptr(unsafe.Pointer(&s)))
	return terminated(s.message[:])
}

func statistics(h handle, s *Statistics) {
	s.structSize = uint32(unsafe.Sizeof(*s))
	statisticsFunction.call(h, uintptr(unsafe.Pointer(s)))
}

func shutDown(h handle) int { return shutdownFunction.call(h) }

func closeHandle(h handle) { closeFunction.call(h) }

func pointer(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }
