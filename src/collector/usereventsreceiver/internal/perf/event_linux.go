// SPDX-License-Identifier: Apache-2.0

package perf

import (
	"encoding/binary"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event is a tracepoint on one processor, with the ring that its events go to.
type Event struct {
	*Ring
	fd     int
	memory []byte
}

// Counts is what the kernel counts for an Event.
type Counts struct {
	Running uint64 // nanoseconds
	Lost    uint64 // events that the ring had no room for
}

// Open listens to what all processes write on a processor, into a ring of so many bytes, a power of two, not less than
// a page. The error is [unix.EINVAL] for a processor that this machine cannot have, [unix.ENODEV] for one that is off, and
// [unix.ENOMEM] when the ring takes more memory than may be locked.
func Open(tracepoint, cpu, size, watermark int) (*Event, error) {
	attr := unix.PerfEventAttr{
		Type:        unix.PERF_TYPE_TRACEPOINT,
		Size:        uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config:      uint64(tracepoint),
		Sample:      1, // each event
		Sample_type: unix.PERF_SAMPLE_RAW | unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_CPU,
		// Kernels with user_events know all of it.
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_RUNNING | unix.PERF_FORMAT_LOST,
		// What comes before there is a ring would be lost and not counted.
		Bits:    unix.PerfBitDisabled | unix.PerfBitWatermark | unix.PerfBitUseClockID,
		Wakeup:  uint32(watermark),
		Clockid: unix.CLOCK_MONOTONIC, // the same on all processors
	}
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	page := os.Getpagesize()
	memory, err := unix.Mmap(fd, 0, page+size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Close(fd)
		if err == unix.EPERM { // more than may be locked
			err = unix.ENOMEM
		}
		return nil, err
	}
	e := &Event{Ring: NewRing(memory, page), fd: fd, memory: memory}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Counts asks the kernel: a record of the ring tells of losses only in front of the next event that finds room.
func (e *Event) Counts() (Counts, error) {
	var read [24]byte
	n, err := unix.Read(e.fd, read[:])
	if err != nil {
		return Counts{}, err
	}
	if n != len(read) { // the end of a file: an event that the kernel has given up
		return Counts{}, io.ErrUnexpectedEOF
	}
	return Counts{binary.NativeEndian.Uint64(read[8:]), binary.NativeEndian.Uint64(read[16:])}, nil
}

// Disable lets no more events come.
func (e *Event) Disable() { _ = unix.IoctlSetInt(e.fd, unix.PERF_EVENT_IOC_DISABLE, 0) }

// Close gives the ring back, with what it holds.
func (e *Event) Close() {
	_ = unix.Munmap(e.memory)
	_ = unix.Close(e.fd)
}
