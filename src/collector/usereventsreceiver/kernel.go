// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"io"
	"time"

	"otelue.dev/collector/usereventsreceiver/internal/perf"
	"otelue.dev/collector/usereventsreceiver/internal/tracepoint"
)

// kernel is what the receiver asks of the machine. All but wake is called by one goroutine.
type kernel interface {
	// find returns the format of a tracepoint, fs.ErrNotExist while nobody has registered it.
	find(name string) (tracepoint.Format, error)
	// hold keeps a tracepoint registered until it is closed.
	hold(name string) (io.Closer, error)
	// open listens to a tracepoint on a processor: EINVAL for one that the machine cannot have, ENODEV for one that is
	// off.
	open(id, cpu, size, watermark int) (ring, error)
	// wait returns when a ring has reached its watermark, after wake, or after a time.
	wait(time.Duration)
	wake()
	// monotonic is the clock of the events.
	monotonic() uint64
	// process says what the machine knows of a process that was there at a time.
	process(pid uint32, time uint64) process
	close()
}

// ring has the events of a tracepoint on a processor.
type ring interface {
	Look()
	Peek() *perf.Record
	Pop()
	IsFilling() bool
	Damaged() uint64
	Counts() (perf.Counts, error)
	Disable()
	Close()
}

// process is what is known of a process; empty: nothing.
type process struct {
	executable, container string
}
