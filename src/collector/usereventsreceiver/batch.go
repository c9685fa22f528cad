// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"errors"
	"path/filepath"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
	"otelue.dev/collector/usereventsreceiver/internal/otlp"
	"otelue.dev/collector/usereventsreceiver/internal/tracepoint"
)

// What a batch has at most beside batching::max_size points, so that its memory is bounded whatever events ask for.
const (
	maxBatchMessages = 1 << 18
	maxBatchBytes    = 4 << 20
)

// What the telemetry says of a malformed event.
const (
	reasonRing     = "ring"
	reasonProtobuf = "protobuf"
)

func reasonOf(err error) string {
	switch {
	case errors.Is(err, tracepoint.ErrShort):
		return "short"
	case errors.Is(err, tracepoint.ErrProtocol):
		return "protocol"
	case errors.Is(err, tracepoint.ErrVersion):
		return "version"
	case errors.Is(err, tracepoint.ErrBounds):
		return "bounds"
	case errors.Is(err, otlp.ErrText):
		return "text"
	case errors.Is(err, otlp.ErrMessages):
		return "messages"
	case errors.Is(err, otlp.ErrDepth):
		return "depth"
	}
	return reasonProtobuf
}

// batch is the metrics of events that were received together.
type batch struct {
	metrics     pmetric.Metrics
	size        otlp.Size
	bytes       int
	processes   map[uint32]process // so far as this batch has asked
	unmarshaler pmetric.ProtoUnmarshaler
	attributes  metadata.ResourceAttributesConfig
	ask         func(pid uint32, time uint64) process
}

func newBatch(config *Config, k kernel) *batch {
	return &batch{
		metrics: pmetric.NewMetrics(), processes: map[uint32]process{}, attributes: config.ResourceAttributes,
		ask: k.process,
	}
}

func (b *batch) isEmpty() bool { return b.metrics.ResourceMetrics().Len() == 0 }

// hasRoom says whether an event of a size can be added without more than so many points.
func (b *batch) hasRoom(size otlp.Size, bytes, maxPoints int) bool {
	return b.isEmpty() || b.size.Points+size.Points <= maxPoints &&
		b.size.Messages+size.Messages <= maxBatchMessages && b.bytes+bytes <= maxBatchBytes
}

func (b *batch) add(e event, size otlp.Size) error {
	metrics, err := b.unmarshaler.UnmarshalMetrics(e.otlp)
	if err != nil {
		return err
	}
	b.describe(metrics, e)
	metrics.ResourceMetrics().MoveAndAppendTo(b.metrics.ResourceMetrics())
	b.size.Points += size.Points
	b.size.Messages += size.Messages
	b.bytes += len(e.otlp)
	return nil
}

// describe adds what is known of the writer, in the place of what it says of itself.
func (b *batch) describe(metrics pmetric.Metrics, e event) {
	a := &b.attributes
	if !a.ProcessPid.Enabled && !a.ProcessExecutableName.Enabled && !a.ProcessExecutablePath.Enabled &&
		!a.ContainerID.Enabled {
		return
	}
	known, ok := b.processes[e.pid]
	if !ok && (a.ProcessExecutableName.Enabled || a.ProcessExecutablePath.Enabled || a.ContainerID.Enabled) {
		known = b.ask(e.pid, e.time)
		b.processes[e.pid] = known
	}
	for i := range metrics.ResourceMetrics().Len() {
		to := metrics.ResourceMetrics().At(i).Resource().Attributes()
		put := func(enabled, isKnown bool, key string, set func(key string)) {
			if !enabled {
				return
			}
			// What cannot be verified does not pass for verified.
			to.Remove(key)
			if isKnown {
				set(key)
			}
		}
		text := func(value string) func(string) { return func(key string) { to.PutStr(key, value) } }
		put(a.ProcessPid.Enabled, isHere(e.pid), "process.pid", func(key string) { to.PutInt(key, int64(e.pid)) })
		executable := known.executable
		put(a.ProcessExecutablePath.Enabled, executable != "", "process.executable.path", text(executable))
		put(a.ProcessExecutableName.Enabled, executable != "", "process.executable.name", text(filepath.Base(executable)))
		put(a.ContainerID.Enabled, known.container != "", "container.id", text(known.container))
	}
}

// isHere is false for a process outside of the receiver's PID namespace.
func isHere(pid uint32) bool { return pid != 0 && int32(pid) > 0 }

// take returns the metrics, and begins anew.
func (b *batch) take() pmetric.Metrics {
	metrics := b.metrics
	b.metrics, b.size, b.bytes = pmetric.NewMetrics(), otlp.Size{}, 0
	clear(b.processes)
	return metrics
}
