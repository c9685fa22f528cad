// SPDX-License-Identifier: Apache-2.0

// Package otelue exports metrics to the Linux tracepoint user_events:otlp_metrics, where agents on the same machine
// receive them through perf or ftrace.
//
// Its [Exporter] is made for a reader that exports periodically:
//
//	exporter, err := otelue.New()
//	provider := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(exporter)))
//
// Nothing is built while nobody listens. A kernel without user_events, missing permission or a missing library is
// reported once through [otel.Handle], and is no failure.
package otelue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"sync/atomic"
	"unsafe"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Exporter is a [metric.Exporter]. All of its methods may be called at any time by any goroutine.
type Exporter struct {
	temporality metric.TemporalitySelector
	aggregation metric.AggregationSelector
	telemetry   *telemetry
	handle      handle // none without the library
	isShutDown  atomic.Bool
	step        atomic.Uint32 // why nobody could listen when it was last asked
	busy        chan struct{} // holds one while an export uses what is below
	batch       batch
	result      result
}

var _ metric.Exporter = (*Exporter)(nil)

// New makes an Exporter from the environment and from options. An error means that the library refuses an option.
func New(some ...Option) (*Exporter, error) {
	c := configFromEnvironment()
	for _, option := range some {
		option(&c)
	}
	e := &Exporter{temporality: c.temporality, aggregation: c.aggregation, busy: make(chan struct{}, 1)}
	out := make([]byte, encodedAttributesMax)
	e.batch.encode = func(m *memory, records ref) []byte {
		return out[:encodeAttributes(m.bytes()[:m.used], records, out)]
	}
	if err := load(); err != nil {
		otel.Handle(fmt.Errorf("otelue: no metrics are exported, because the library cannot be loaded: %w", err))
		return e, nil
	}
	if err := e.open(&c); err != nil {
		return nil, err
	}
	var err error
	e.telemetry, err = newTelemetry(e)
	if err != nil {
		otel.Handle(err)
	}
	return e, nil
}

func sized(o options) *options {
	o.structSize = uint32(unsafe.Sizeof(o))
	return &o
}

func (e *Exporter) open(c *config) error {
	h, returned := open(sized(c.options), c.recording)
	if returned != 0 {
		err := errors.New("otelue: " + describe(nil, returned, nil))
		if c.recording != "" {
			err = fmt.Errorf("%w: %s", err, c.recording)
		}
		if c.inCode {
			return err
		}
		otel.Handle(fmt.Errorf("%w, as the environment says: no metrics are exported", err))
		return nil
	}
	e.handle = h
	runtime.AddCleanup(e, closeHandle, h)
	_, step := listening(h)
	e.report(step)
	return nil
}

// report says once why nobody can listen.
func (e *Exporter) report(step uint32) {
	if e.step.Swap(step) != step && step != stepRegistered {
		otel.Handle(errors.New("otelue: no metrics are exported: " + statusMessage(e.handle)))
	}
}

// Temporality implements [metric.Exporter].
func (e *Exporter) Temporality(kind metric.InstrumentKind) metricdata.Temporality {
	return e.temporality(kind)
}

// Aggregation implements [metric.Exporter].
func (e *Exporter) Aggregation(kind metric.InstrumentKind) metric.Aggregation {
	return e.aggregation(kind)
}

// Export writes the collection, and returns when it has done so. It returns an error that says why when not all data
// points could be exported although somebody listens, and [metric.ErrExporterShutdown] after Shutdown.
func (e *Exporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if e.isShutDown.Load() {
		return metric.ErrExporterShutdown
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.handle == *new(handle) || rm == nil {
		return nil
	}
	defer runtime.KeepAlive(e)
	yes, step := listening(e.handle)
	if e.isShutDown.Load() {
		return metric.ErrExporterShutdown
	}
	e.report(step)
	if !yes {
		slog.DebugContext(ctx, "otelue: nobody listens to user_events")
		return nil
	}
	select {
	case e.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.busy }()
	return e.export(ctx, rm)
}

func (e *Exporter) export(ctx context.Context, rm *metricdata.ResourceMetrics) (err error) {
	operation := e.telemetry.begin(ctx)
	defer func() {
		// What the SDK hands over may be broken in any way; telemetry does not take its program down.
		if reason := recover(); reason != nil {
			err = fmt.Errorf("otelue: metrics could not be exported: %v", reason)
			e.batch.sets = nil
			e.result = result{pointsInvalid: uint32(e.batch.points)}
		}
		operation.end(e.batch.points, &e.result)
	}()
	data, errs := e.batch.build(rm)
	operation.inFlight(e.batch.points)
	if err := ctx.Err(); err != nil {
		e.result = result{pointsUnwritten: uint32(e.batch.points)}
		return err
	}
	returned := export(e.handle, data, &e.result)
	if slog.Default().Enabled(ctx, slog.LevelDebug) {
		slog.DebugContext(ctx, "otelue: exported to user_events", "points", e.result.pointsExported,
			"of", e.result.pointsTotal, "events", e.result.events)
	}
	if returned != 0 {
		if e.isShutDown.Load() {
			return metric.ErrExporterShutdown
		}
		errs = append(errs, errors.New("otelue: "+describe(data, returned, &e.result)))
	}
	return errors.Join(errs...)
}

// ForceFlush has nothing to do: every export is complete when it returns.
func (e *Exporter) ForceFlush(ctx context.Context) error { return ctx.Err() }

// Shutdown unregisters the tracepoint. It waits for exports that are under way: a second at most, and no longer than
// ctx allows. A second call returns [metric.ErrExporterShutdown].
func (e *Exporter) Shutdown(ctx context.Context) error {
	if e.isShutDown.Swap(true) {
		return metric.ErrExporterShutdown
	}
	if e.handle == *new(handle) {
		return ctx.Err()
	}
	done := make(chan int, 1)
	go func() {
		done <- shutDown(e.handle)
		runtime.KeepAlive(e)
	}()
	select {
	case returned := <-done:
		if returned != 0 {
			return errors.New("otelue: " + describe(nil, returned, nil))
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Statistics returns the totals of all exports so far.
func (e *Exporter) Statistics() (totals Statistics) {
	if e.handle != *new(handle) {
		statistics(e.handle, &totals)
		runtime.KeepAlive(e)
	}
	return totals
}

// terminated returns the text before the first NUL.
func terminated(text []byte) string {
	before, _, _ := bytes.Cut(text, []byte{0})
	return string(before)
}

func quoted[T ~string](text T) string { return strconv.Quote(string(text)) }
