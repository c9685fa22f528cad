// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"io"
	"time"

	"golang.org/x/sys/unix"

	"otelue.dev/collector/usereventsreceiver/internal/perf"
	"otelue.dev/collector/usereventsreceiver/internal/tracepoint"
)

type linux struct {
	poller *perf.Poller
}

func newKernel() (kernel, error) {
	poller, err := perf.NewPoller()
	if err != nil {
		return nil, err
	}
	return &linux{poller}, nil
}

func (*linux) find(name string) (tracepoint.Format, error) { return tracepoint.Find(name) }

func (*linux) hold(name string) (io.Closer, error) { return tracepoint.Hold(name) }

func (l *linux) open(id, cpu, size, watermark int) (ring, error) {
	event, err := perf.Open(id, cpu, size, watermark)
	if err != nil {
		return nil, err
	}
	if err := l.poller.Add(event); err != nil {
		event.Close()
		return nil, err
	}
	return event, nil
}

func (l *linux) wait(timeout time.Duration) { l.poller.Wait(timeout) }

func (l *linux) wake() { l.poller.Wake() }

func (*linux) monotonic() uint64 { return clock(unix.CLOCK_MONOTONIC) }

func (l *linux) close() { l.poller.Close() }

func clock(id int32) uint64 {
	var now unix.Timespec
	_ = unix.ClockGettime(id, &now)
	return uint64(now.Nano())
}
