// SPDX-License-Identifier: Apache-2.0

package tracepoint

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestMountinfo(t *testing.T) {
	for line, expected := range map[string]string{
		`36 25 0:12 / /sys/kernel/tracing rw,nosuid - tracefs tracefs rw`:            "/sys/kernel/tracing",
		`36 25 0:12 / /mnt/a\040b\134c rw shared:1 master:2 - tracefs nodev rw`:      `/mnt/a b\c`,
		`36 25 0:12 /user_events_data /dev/user_events_data rw - tracefs tracefs rw`: "/dev/user_events_data",
		`36 25 0:12 / /sys/kernel/debug rw - debugfs debugfs rw`:                     "",
		`36 25 0:12 / /mnt rw - ext4 tracefs rw`:                                     "",
		``:                                                                           "",
		` - tracefs `:                                                                "",
	} {
		assert.Equal(t, expected, mountedTracefs(line), line)
	}
}

func TestRequestsAreThoseOfTheHeader(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 || (runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64") {
		t.Skip("the numbers below are for other machines")
	}
	assert.Equal(t, uintptr(0xc0082a00), register)
	assert.Equal(t, uintptr(0x40082a02), unregister)
}
