// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is what Linux says of times in /proc, whatever its own clock has.
const ticksPerSecond = 100

// What container engines and Kubernetes name a control group after.
var container = regexp.MustCompile(`(?:^|[/:.-])([0-9a-f]{64})(?:\.scope|\.service)?(?:/|$)`)

// process looks at a process by its number, which another may have by now: one that began after the event says nothing.
func (*linux) process(pid uint32, time uint64) process {
	if pid == 0 || int32(pid) < 0 { // it lives outside of this PID namespace
		return process{}
	}
	directory := "/proc/" + strconv.FormatUint(uint64(pid), 10)
	executable, _ := os.Readlink(directory + "/exe")
	groups, _ := os.ReadFile(directory + "/cgroup")
	stat, _ := os.ReadFile(directory + "/stat")
	start, err := startOf(stat)
	sinceBoot := time + clock(unix.CLOCK_BOOTTIME) - clock(unix.CLOCK_MONOTONIC)
	if err != nil || start > sinceBoot {
		return process{}
	}
	return process{strings.TrimSuffix(executable, " (deleted)"), containerOf(string(groups))}
}

// startOf reads when a process began, in nanoseconds since boot, from its stat: the 22nd field.
func startOf(stat []byte) (uint64, error) {
	// The name, the second, may contain anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("%d fields", len(fields))
	}
	ticks, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return ticks * (1e9 / ticksPerSecond), err
}

func containerOf(groups string) string {
	for line := range strings.Lines(groups) {
		if found := container.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			return found[1]
		}
	}
	return ""
}
