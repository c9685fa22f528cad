// SPDX-License-Identifier: Apache-2.0

//go:build linux && !cgo

package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"otelue.dev/otelue"
)

// A process loads the library once, so that each case is a process of its own.
func TestWithoutTheLibraryOneMessageSaysSo(t *testing.T) {
	for _, library := range []string{"/nowhere/libotelue.so", "libc.so.6"} {
		if os.Getenv("OTELUE_TEST_INSIDE") == "" {
			child := exec.Command(os.Args[0], "-test.run="+t.Name())
			child.Env = append(os.Environ(), "OTELUE_TEST_INSIDE=1", "OTELUE_LIBRARY="+library)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", library, err, out)
			}
			continue
		}
		library = os.Getenv("OTELUE_LIBRARY")
		said := handled(t)
		e, err := otelue.New()
		want(t, err, nil)
		for range 3 {
			want(t, e.Export(t.Context(), collection(gauge(point(1)))), nil)
		}
		want(t, e.Shutdown(t.Context()), nil)
		want(t, len(*said), 1)
		if !strings.Contains(strings.Join(*said, ""), library) {
			t.Error(*said)
		}
		return
	}
}
