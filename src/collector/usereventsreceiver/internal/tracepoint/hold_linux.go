// SPDX-License-Identifier: Apache-2.0

package tracepoint

import (
	"io"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The requests of ioctl() (linux/user_events.h). They state the size of a pointer; a 32-bit process on a 64-bit kernel
// cannot use them.
var (
	register   = request(directionWrite|directionRead, 0)
	unregister = request(directionWrite, 2)
)

const (
	directionWrite = 1
	directionRead  = 2
)

func request(direction, number uintptr) uintptr {
	size, directionAt := unsafe.Sizeof(uintptr(0)), 30
	switch runtime.GOARCH {
	case "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le":
		// Write is 4 there, and the size has a bit less.
		directionAt = 29
		if direction&directionWrite != 0 {
			direction = direction&^directionWrite | 4
		}
	}
	return direction<<directionAt | size<<16 | '*'<<8 | number
}

// holder keeps a tracepoint in the kernel.
type holder int

func (h holder) Close() error { return unix.Close(int(h)) }

// Hold registers a tracepoint, which exists until the holder is closed at least, so that writers that come later find
// the listener attached already. The error is [unix.EADDRINUSE] when somebody has registered it with other fields.
func Hold(name string) (io.Closer, error) {
	fd, err := openData()
	if err != nil {
		return nil, err
	}
	if err := registerOn(fd, name); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("ioctl", err)
	}
	return holder(fd), nil
}

func registerOn(fd int, name string) error {
	// The spelling with spaces is the one that all kernels take for the same event.
	definition := append([]byte(name+" u32 protocol; char[8] version; __rel_loc u8[] buffer"), 0)
	// The kernel sets a bit of a word while somebody listens, for which it takes memory that does not move; nobody asks
	// for it here. It belongs to the thread that registers, and is given back by the same thread at once. The open file
	// is what keeps the event. Go forks with CLONE_VM alone, which does not copy what is given back meanwhile.
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	word := uintptr(unsafe.Pointer(&page[0]))

	// Both are packed, without padding in between.
	var pinner runtime.Pinner
	defer pinner.Unpin()
	pinner.Pin(&definition[0])
	registration := struct {
		size                  uint32
		enableBit, enableSize uint8
		flags                 uint16
		enableAddress         uint64
		definition            uint64
		writeIndex            uint32
	}{28, 0, 4, 0, uint64(word), uint64(uintptr(unsafe.Pointer(&definition[0]))), 0}
	if err := ioctl(fd, register, unsafe.Pointer(&registration)); err != nil {
		_ = unix.Munmap(page)
		return err
	}
	unregistration := struct {
		size           uint32
		bit, reserved  uint8
		reserved2      uint16
		disableAddress uint64
	}{16, 0, 0, 0, uint64(word)}
	if err := ioctl(fd, unregister, unsafe.Pointer(&unregistration)); err == nil {
		_ = unix.Munmap(page)
	} // else the kernel may write there for as long as this process lives
	return nil
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
