// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAProcessIsTheOneThatWrote(t *testing.T) {
	k, err := newKernel()
	require.NoError(t, err)
	defer k.close()
	executable, err := os.Executable()
	require.NoError(t, err)
	pid := uint32(os.Getpid())
	assert.Equal(t, executable, k.process(pid, clock(unix.CLOCK_MONOTONIC)).executable)
	// What was written before this process began was written by another that had the number.
	stat, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	begin, err := startOf(stat)
	require.NoError(t, err)
	slept := clock(unix.CLOCK_BOOTTIME) - clock(unix.CLOCK_MONOTONIC)
	assert.Equal(t, process{}, k.process(pid, begin-slept-1e9))
	assert.Equal(t, process{}, k.process(0, clock(unix.CLOCK_MONOTONIC)))
	assert.Equal(t, process{}, k.process(0xffffffff, clock(unix.CLOCK_MONOTONIC)))
}

func TestContainers(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for groups, expected := range map[string]string{
		"0::/system.slice/docker-" + id + ".scope\n":                                        id,
		"12:pids:/docker/" + id + "\n0::/\n":                                                id,
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope\n":          id,
		"0::/kubepods/besteffort/pod1/" + id + "\n":                                         id,
		"0::/machine.slice/libpod-" + id + ".scope/container\n":                             id,
		"0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + id + "": id,
		"0::/user.slice/session-1.scope\n":                                                  "",
		"0::/" + id + "0\n":                                                                 "",
		"":                                                                                  "",
	} {
		assert.Equal(t, expected, containerOf(groups), groups)
	}
}

func TestStartOf(t *testing.T) {
	start, err := startOf([]byte("7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12345 20"))
	require.NoError(t, err)
	assert.EqualValues(t, 123450000000, start)
	_, err = startOf([]byte("7 (a) S 1"))
	assert.Error(t, err)
	_, err = startOf(nil)
	assert.Error(t, err)
}
