// SPDX-License-Identifier: Apache-2.0

package tracepoint

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoTracefs is for a machine or a container where no directory of tracefs is mounted.
var ErrNoTracefs = errors.New("tracefs is not mounted here (mount -t tracefs tracefs /sys/kernel/tracing)")

const dataFile = "user_events_data"

var usual = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

func isTracefs(path string) bool {
	var mounted unix.Statfs_t
	return unix.Statfs(path, &mounted) == nil && int64(mounted.Type) == unix.TRACEFS_MAGIC
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// mounts returns the places at which something of tracefs is mounted, directories and single files.
func mounts() (found []string) {
	for _, path := range usual {
		if isTracefs(path) {
			found = append(found, path)
		}
	}
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return found
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if path := mountedTracefs(lines.Text()); path != "" && isTracefs(path) {
			found = append(found, path)
		}
	}
	return found
}

// mountedTracefs returns the place that a line of mountinfo says, or nothing when another file system is there.
func mountedTracefs(line string) string {
	before, after, _ := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	if len(fields) < 5 || !strings.HasPrefix(after, "tracefs ") {
		return ""
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
}

// Find returns the format of a tracepoint of user_events. The error is [os.ErrNotExist] while nobody has registered it.
func Find(name string) (Format, error) {
	for _, path := range mounts() {
		if !isDirectory(path) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(path, "events/user_events", name, "format"))
		if err != nil {
			return Format{}, err
		}
		return ParseFormat(string(text))
	}
	return Format{}, ErrNoTracefs
}

// openData opens the file through which tracepoints are registered.
func openData() (int, error) {
	err := ErrNoTracefs
	for _, path := range mounts() {
		if isDirectory(path) {
			path = filepath.Join(path, dataFile)
		} else if filepath.Base(path) != dataFile {
			continue
		}
		var fd int
		if fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
			return fd, nil
		}
		err = &os.PathError{Op: "open", Path: path, Err: err}
	}
	return -1, err
}
