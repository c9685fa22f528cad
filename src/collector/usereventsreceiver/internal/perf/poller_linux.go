// SPDX-License-Identifier: Apache-2.0

package perf

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Poller waits for rings that have reached their watermark.
type Poller struct {
	epoll, waker int
}

// NewPoller returns a Poller of no rings.
func NewPoller() (*Poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, err
	}
	p := &Poller{epoll, waker}
	if err := p.add(waker, unix.EPOLLIN); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Poller) add(fd int, events uint32) error {
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// Add waits for an event's ring too, until the event is closed. One whose processor was switched off hangs up for ever,
// so only changes count.
func (p *Poller) Add(e *Event) error { return p.add(e.fd, unix.EPOLLIN|unix.EPOLLET) }

// Wait returns when a ring has reached its watermark, after Wake, or after a time.
func (p *Poller) Wait(timeout time.Duration) {
	milliseconds := int((timeout + time.Millisecond - 1) / time.Millisecond)
	var events [64]unix.EpollEvent
	for start := time.Now(); ; {
		n, err := unix.EpollWait(p.epoll, events[:], milliseconds)
		if !errors.Is(err, unix.EINTR) {
			for _, event := range events[:max(n, 0)] {
				if int(event.Fd) == p.waker {
					var count [8]byte
					_, _ = unix.Read(p.waker, count[:])
				}
			}
			return
		}
		milliseconds = max(0, int((timeout-time.Since(start))/time.Millisecond))
	}
}

// Wake ends a Wait that is under way, or the next one. It may be called from any goroutine.
func (p *Poller) Wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.waker, one[:])
}

// Close is for when nobody waits any more.
func (p *Poller) Close() {
	_ = unix.Close(p.waker)
	_ = unix.Close(p.epoll)
}
