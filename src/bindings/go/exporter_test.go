// SPDX-License-Identifier: Apache-2.0

package otelue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// collection has a counter and a histogram with so many series each, in a cycle of their own or of all.
func collection(cycle, series int) *metricdata.ResourceMetrics {
	now := time.Unix(1, 0)
	sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	histogram := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	bounds := []float64{1, 2}
	for i := range series {
		set := attribute.NewSet(attribute.Int("cycle", cycle), attribute.String("series", fmt.Sprint(i)))
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: set, Time: now, Value: int64(i)})
		histogram.DataPoints = append(histogram.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes: set, Time: now, Count: 3, Sum: 4, Bounds: bounds, BucketCounts: []uint64{1, 1, 1},
		})
	}
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{
		Metrics: []metricdata.Metrics{{Name: "sum", Data: sum}, {Name: "histogram", Data: histogram}},
	}}}
}

func newExporter(t testing.TB, some ...Option) *Exporter {
	t.Helper()
	e, err := New(append(some, WithRecording(filepath.Join(t.TempDir(), "recording")))...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustExport(t testing.TB, e *Exporter, rm *metricdata.ResourceMetrics) {
	t.Helper()
	if err := e.Export(t.Context(), rm); err != nil {
		t.Fatal(err)
	}
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestSeriesThatComeAndGoTakeConstantMemory(t *testing.T) {
	e := newExporter(t)
	var words int
	var bytes uint64
	for cycle := range 300 {
		mustExport(t, e, collection(cycle, 1000))
		if cycle == 20 {
			words, bytes = len(e.batch.words), heap()
		}
	}
	if len(e.batch.words) > words || len(e.batch.sets) > 5000 {
		t.Errorf("%d words and %d sets, %d words after 20 cycles", len(e.batch.words), len(e.batch.sets), words)
	}
	if after := heap(); after > bytes+bytes/4 {
		t.Errorf("%d bytes, %d after 20 cycles", after, bytes)
	}
	if exported := e.Statistics().PointsExported; exported != 600_000 {
		t.Errorf("%d points", exported)
	}
}

func TestMetricsThatComeAndGoTakeConstantMemory(t *testing.T) {
	e := newExporter(t)
	for cycle := range 3000 {
		rm := collection(0, 1)
		rm.ScopeMetrics[0].Metrics[0].Name = fmt.Sprint("metric ", cycle)
		mustExport(t, e, rm)
	}
	if len(e.batch.metrics) > 1100 {
		t.Errorf("%d metrics are kept", len(e.batch.metrics))
	}
}

func TestNothingIsAllocatedPerPoint(t *testing.T) {
	per := func(series int) float64 {
		e, rm := newExporter(t), collection(0, series)
		mustExport(t, e, rm)
		return testing.AllocsPerRun(10, func() { mustExport(t, e, rm) })
	}
	if few, many := per(10), per(1000); many > few || few > 8 {
		t.Errorf("%v allocations for 20 points, %v for 2,000", few, many)
	}
}

func TestAnExportWaitsForAnotherAsLongAsItsContextAllows(t *testing.T) {
	e := newExporter(t)
	e.busy <- struct{}{} // another one is under way
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := e.Export(ctx, collection(0, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-e.busy
	mustExport(t, e, collection(0, 1))
}

func TestWhatPanicsIsAnError(t *testing.T) {
	e := newExporter(t)
	encode := e.batch.encode
	e.batch.encode = func(*memory, ref) []byte { panic("broken") }
	if err := e.Export(t.Context(), collection(0, 1)); err == nil {
		t.Error("no error")
	}
	e.batch.encode = encode
	mustExport(t, e, collection(0, 1))
	if exported := e.Statistics().PointsExported; exported != 2 {
		t.Errorf("%d points", exported)
	}
}

func TestWithoutUserEventsOneMessageSaysSo(t *testing.T) {
	var errs []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { errs = append(errs, err) }))
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustExport(t, e, collection(0, 1))
	}
	// This machine's kernel has user_events or not; nobody listens in either case.
	if len(errs) > 1 || e.batch.sets != nil {
		t.Errorf("%v, built: %v", errs, e.batch.sets != nil)
	}
}

func TestShutdown(t *testing.T) {
	e := newExporter(t)
	if err := errors.Join(e.ForceFlush(t.Context()), e.Shutdown(t.Context()), e.ForceFlush(t.Context())); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := e.Export(t.Context(), collection(0, 1)); err != metric.ErrExporterShutdown {
			t.Error(err)
		}
		if err := e.Shutdown(t.Context()); err != metric.ErrExporterShutdown {
			t.Error(err)
		}
	}
	if exported := e.Statistics().PointsExported; exported != 0 {
		t.Errorf("%d points", exported)
	}
}

func TestContextsThatAreOverAreHonoured(t *testing.T) {
	e := newExporter(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Export(ctx, collection(0, 1)); err != context.Canceled {
		t.Error(err)
	}
	if err := e.ForceFlush(ctx); err != context.Canceled {
		t.Error(err)
	}
	if err := e.Shutdown(ctx); err != nil && err != context.Canceled {
		t.Error(err)
	}
	if err := e.Export(t.Context(), collection(0, 1)); err != metric.ErrExporterShutdown {
		t.Error(err)
	}
}

func TestGoroutinesExportAndOneShutsDown(t *testing.T) {
	e := newExporter(t)
	var group sync.WaitGroup
	done := make(chan int, 4)
	for range 4 {
		group.Go(func() {
			exported := 0
			for ; ; exported++ {
				if err := e.Export(context.Background(), collection(0, 100)); err != nil {
					if err != metric.ErrExporterShutdown {
						t.Error(err)
					}
					break
				}
			}
			done <- exported
		})
	}
	for e.Statistics().Exports < 20 {
		time.Sleep(time.Millisecond)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	group.Wait()
	total := 0
	for range 4 {
		total += 200 * <-done
	}
	if exported := e.Statistics().PointsExported; exported != uint64(total) {
		t.Errorf("%d points, of exports that succeeded %d", exported, total)
	}
}

func TestAnExporterWithoutReferencesIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recording")
	if e, err := New(WithRecording(path)); err != nil {
		t.Fatal(err)
	} else if err = e.Export(t.Context(), collection(0, 1)); err != nil {
		t.Fatal(err)
	}
	// A recording has one writer at a time.
	for deadline := time.Now().Add(time.Minute); ; {
		runtime.GC()
		if _, err := New(WithRecording(path)); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
