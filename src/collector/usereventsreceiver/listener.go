// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
	"otelue.dev/collector/usereventsreceiver/internal/perf"
	"otelue.dev/collector/usereventsreceiver/internal/tracepoint"
)

const (
	// How long a processor may take from an event's time to its place in the ring.
	settle = 20 * time.Millisecond
	// How often the receiver looks for processors that came or went, for losses, and for a tracepoint that was registered
	// anew.
	checkEvery = time.Second
)

// cpuRing is the ring of one processor.
type cpuRing struct {
	ring
	target        *target
	cpu           int
	lost, running uint64 // as the kernel said them last
	damaged       uint64
}

// target is a tracepoint.
type target struct {
	name       string
	format     tracepoint.Format // without ID: not attached
	rings      []*cpuRing
	holder     io.Closer
	notHeld    string // why, as it was said last
	notHeard   string // why, as it was said last
	isHeard    bool   // as it was said last
	received   int64  // events that are not in the telemetry yet
	attributes metric.MeasurementOption
}

// listener reads the rings of all tracepoints.
type listener struct {
	kernel    kernel
	config    *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	targets   []*target
	nextCheck time.Time
	pending   []*cpuRing // kept for its memory
}

// event is what a listener hands out. Its bytes are valid during the call.
type event struct {
	target *target
	pid    uint32
	time   uint64
	otlp   []byte
}

func newListener(k kernel, config *Config, logger *zap.Logger, telemetry *metadata.TelemetryBuilder) *listener {
	l := &listener{kernel: k, config: config, logger: logger, telemetry: telemetry}
	for _, name := range config.names() {
		l.targets = append(l.targets, &target{
			name: name, attributes: metric.WithAttributeSet(attribute.NewSet(attribute.String("tracepoint", name))),
		})
	}
	return l
}

// isListening says whether there is a ring to read.
func (l *listener) isListening() bool {
	for _, t := range l.targets {
		if len(t.rings) > 0 {
			return true
		}
	}
	return false
}

// check looks at what may have changed, when it is time to. What rings held that are gone goes to take.
func (l *listener) check(now time.Time, take func(event)) {
	if now.Before(l.nextCheck) {
		return
	}
	pause := checkEvery
	for _, t := range l.targets {
		l.checkTarget(t, take)
		if len(t.rings) == 0 {
			pause = min(pause, l.config.LateRegistrationPollInterval)
		}
		l.telemetry.ReceiverUserEventsRings.Record(context.Background(), int64(len(t.rings)), t.attributes)
	}
	l.nextCheck = now.Add(pause)
}

func (l *listener) checkTarget(t *target, take func(event)) {
	l.hold(t)
	format, err := l.kernel.find(t.name)
	if err != nil && len(t.rings) > 0 && !errors.Is(err, fs.ErrNotExist) {
		err = nil // what is open is read on, whatever became of tracefs
		format = t.format
	}
	if len(t.rings) > 0 && (err != nil || format != t.format) {
		l.drain(take)
		l.closeRings(t)
		l.logger.Info("the tracepoint was registered anew", zap.String("tracepoint", t.name))
	}
	if err == nil {
		t.format = format
		l.checkRings(t, take)
		err = l.addRings(t, take)
	}
	l.report(t, err)
}

// hold registers the tracepoint, where the receiver may.
func (l *listener) hold(t *target) {
	if t.holder != nil || !l.config.Register {
		return
	}
	holder, err := l.kernel.hold(t.name)
	if err == nil {
		t.holder, t.notHeld = holder, ""
		return
	}
	// The same cause as for not listening, which is reported by itself.
	if t.notHeld == err.Error() || errors.Is(err, tracepoint.ErrNoTracefs) {
		return
	}
	t.notHeld = err.Error()
	l.logger.Warn("cannot register the tracepoint: the first export of a process that starts while no other has it "+
		"registered will not be heard", zap.String("tracepoint", t.name), zap.String("reason", explainHold(err)))
}

func explainHold(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "somebody has registered it with other fields"
	case errors.Is(err, fs.ErrPermission):
		return "no permission to write user_events_data: " + err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "this kernel has no user_events (Linux 6.4 or later with CONFIG_USER_EVENTS): " + err.Error()
	}
	return err.Error()
}

// report says once whether the receiver listens, and if not, why.
func (l *listener) report(t *target, err error) {
	reason := ""
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		reason = "nobody has registered the tracepoint"
	case errors.Is(err, fs.ErrPermission): // EACCES and EPERM
		reason = "no permission: it takes read access to events/user_events/" + t.name + "/format in tracefs, and " +
			"CAP_PERFMON or root, which a seccomp profile or a user namespace can take away: " + err.Error()
	default:
		reason = err.Error()
	}
	if len(t.rings) > 0 && !t.isHeard {
		l.logger.Info("listening", zap.String("tracepoint", t.name), zap.Int("processors", len(t.rings)))
	}
	t.isHeard = len(t.rings) > 0
	if reason != t.notHeard && reason != "" {
		l.logger.Warn("not listening, and trying on", zap.String("tracepoint", t.name), zap.String("reason", reason))
	}
	t.notHeard = reason
}

// checkRings closes those whose processor was switched off.
func (l *listener) checkRings(t *target, take func(event)) {
	for i := 0; i < len(t.rings); {
		r := t.rings[i]
		before := r.running
		r.running = l.count(r)
		if r.running != before {
			i++
			continue
		}
		l.drain(take)
		l.count(r)
		r.Close()
		t.rings = append(t.rings[:i], t.rings[i+1:]...)
		l.logger.Info("a processor was switched off", zap.String("tracepoint", t.name), zap.Int("cpu", r.cpu))
	}
}

// addRings opens a ring for each processor that is on and has none.
func (l *listener) addRings(t *target, take func(event)) error {
	has := map[int]bool{}
	for _, r := range t.rings {
		has[r.cpu] = true
	}
	isFirst := len(t.rings) == 0
	for cpu := 0; ; cpu++ {
		if has[cpu] {
			continue
		}
		ring, err := l.kernel.open(t.format.ID, cpu, l.config.PerCPUBufferSize, l.config.watermark())
		switch {
		case err == nil:
		case errors.Is(err, syscall.EINVAL) && cpu > 0:
			return nil
		case errors.Is(err, syscall.ENODEV):
			continue // it is off, and writes nothing
		case errors.Is(err, syscall.ENOMEM):
			return fmt.Errorf("processor %d: no memory that may be locked for a ring of %d bytes: see "+
				"per_cpu_buffer_size and kernel.perf_event_mlock_kb", cpu, l.config.PerCPUBufferSize)
		default:
			return fmt.Errorf("processor %d: %w", cpu, err)
		}
		r := &cpuRing{ring: ring, target: t, cpu: cpu}
		if !isFirst {
			// While a processor comes, the kernel accepts a ring that will get nothing. Its clock can be coarse.
			time.Sleep(settle)
			if r.running = l.count(r); r.running == 0 {
				t.rings = append(t.rings, r) // it may have got something before the processor went again
				l.drain(take)
				l.count(r)
				r.Close()
				t.rings = t.rings[:len(t.rings)-1]
				continue
			}
			l.logger.Info("a processor was switched on", zap.String("tracepoint", t.name), zap.Int("cpu", cpu))
		}
		t.rings = append(t.rings, r)
	}
}

// count reports what a ring lost since the last time, whether or not a record of the ring tells of it, and returns how
// long it has been running.
func (l *listener) count(r *cpuRing) uint64 {
	counts, err := r.Counts()
	if err != nil {
		return r.running
	}
	if lost := counts.Lost - r.lost; lost > 0 {
		l.telemetry.ReceiverUserEventsLostEvents.Add(context.Background(), int64(lost), r.target.attributes)
	}
	r.lost = counts.Lost
	return counts.Running
}

// countAll is for when rings are not read for a while.
func (l *listener) countAll() {
	for _, t := range l.targets {
		for _, r := range t.rings {
			l.count(r)
		}
	}
}

// drain hands out all that there is.
func (l *listener) drain(take func(event)) { l.read(math.MaxUint64, take) }

// collect hands out what has come, in the order of its time. What has just come waits a moment, for what other
// processors are still writing, unless room gets scarce. It returns whether something waits.
func (l *listener) collect(take func(event)) bool {
	return l.read(l.kernel.monotonic()-uint64(settle), take)
}

func (l *listener) read(until uint64, take func(event)) (waits bool) {
	defer l.countReceived()
	rings := l.pending[:0]
	for _, t := range l.targets {
		for _, r := range t.rings {
			r.Look()
			if r.IsFilling() {
				until = math.MaxUint64
			}
			if r.Peek() != nil {
				rings = append(rings, r)
			}
			l.reportDamage(r)
		}
	}
	l.pending = rings
	// Each round takes from the ring whose turn it is up to where another's turn comes: exports come in bursts.
	for len(rings) > 0 {
		first, next := 0, uint64(math.MaxUint64)
		for i, r := range rings[1:] {
			if at := r.Peek().Time; at < rings[first].Peek().Time {
				first, next = i+1, rings[first].Peek().Time
			} else {
				next = min(next, at)
			}
		}
		r := rings[first]
		if r.Peek().Time > until {
			return true
		}
		for record := r.Peek(); record != nil && record.Time <= min(next, until); record = r.Peek() {
			l.handOut(r, record, take)
			r.Pop()
		}
		if r.Peek() == nil {
			l.reportDamage(r)
			rings = append(rings[:first], rings[first+1:]...)
		}
	}
	return false
}

func (l *listener) handOut(r *cpuRing, record *perf.Record, take func(event)) {
	t := r.target
	switch record.Type {
	case perf.RecordLost:
		l.count(r)
	case perf.RecordSample:
		t.received++
		sample, ok := perf.ParseSample(record.Body)
		if !ok {
			l.malformed(t, reasonRing)
			return
		}
		otlp, err := t.format.Payload(sample.Raw)
		if err != nil {
			l.malformed(t, reasonOf(err))
			return
		}
		take(event{t, sample.PID, sample.Time, otlp})
	}
}

func (l *listener) countReceived() {
	for _, t := range l.targets {
		if t.received > 0 {
			l.telemetry.ReceiverUserEventsReceivedEvents.Add(context.Background(), t.received, t.attributes)
			t.received = 0
		}
	}
}

func (l *listener) reportDamage(r *cpuRing) {
	for ; r.damaged < r.Damaged(); r.damaged++ {
		l.malformed(r.target, reasonRing)
	}
}

func (l *listener) malformed(t *target, reason string) {
	l.telemetry.ReceiverUserEventsMalformedEvents.Add(
		context.Background(), 1, t.attributes, metric.WithAttributes(attribute.String("reason", reason)),
	)
}

func (l *listener) closeRings(t *target) {
	for _, r := range t.rings {
		l.count(r)
		r.Close()
	}
	t.rings = nil
}

// stop lets no more events come, and hands out those that there are.
func (l *listener) stop(take func(event)) {
	for _, t := range l.targets {
		for _, r := range t.rings {
			r.Disable()
		}
	}
	l.drain(take)
	for _, t := range l.targets {
		l.closeRings(t)
		if t.holder != nil {
			_ = t.holder.Close()
		}
		l.telemetry.ReceiverUserEventsRings.Record(context.Background(), 0, t.attributes)
	}
}
