// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"golang.org/x/sys/unix"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
	"otelue.dev/collector/usereventsreceiver/internal/perftest"
)

// typical returns an event of a sum, with points of five attributes.
func typical(b *testing.B, points int) []byte {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	for _, key := range []string{"service.name", "service.version", "host.name"} {
		resource.Resource().Attributes().PutStr(key, "some value")
	}
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("my.meter")
	metric := scope.Metrics().AppendEmpty()
	metric.SetName("http.server.requests")
	sum := metric.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for i := range points {
		point := sum.DataPoints().AppendEmpty()
		point.SetStartTimestamp(1)
		point.SetTimestamp(2)
		point.SetIntValue(int64(i))
		for j := range 5 {
			point.Attributes().PutStr(fmt.Sprintf("http.attribute.%d", j), fmt.Sprintf("value %d", i))
		}
	}
	bytes, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(b, err)
	return perftest.Event(bytes)
}

// cpuTime is what this process took of all processors so far, the garbage collector's part included.
func cpuTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkReceiver reads a full ring of 1 MiB, again and again, in points for each second of a processor:
//
//	tests/support/go test -run=^$ -bench=Receiver -benchtime=100x .
func BenchmarkReceiver(b *testing.B) {
	for _, points := range []int{1, 20} {
		b.Run(fmt.Sprintf("%d points in an event", points), func(b *testing.B) {
			m := newMachine(1)
			m.register(b, "otlp_metrics", id)
			config := createDefaultConfig().(*Config)
			settings := receivertest.NewNopSettings(metadata.Type)
			settings.TelemetrySettings = componenttest.NewNopTelemetrySettings()
			u, err := newReceiver(settings, config, consumertest.NewNop(), nil)
			require.NoError(b, err)
			u.listener = newListener(m, config, settings.Logger, u.telemetry)
			u.batch = newBatch(config, m)
			take := func(e event) { u.take(context.Background(), e) }
			u.listener.checkTarget(u.listener.targets[0], take)
			event := typical(b, points)
			ring := m.ring(id, 0)
			received, took := 0, time.Duration(0)
			var before, after runtime.MemStats
			for b.Loop() {
				for ring.Write(1, 0, 1, event) {
					received += points
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				if before.HeapAlloc == 0 {
					before = after
				}
				begin := cpuTime(b)
				u.listener.drain(take)
				u.flush(context.Background())
				took += cpuTime(b) - begin
			}
			b.ReportMetric(float64(received)/took.Seconds(), "points/s")
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB-more")
			b.ReportMetric(0, "ns/op")
			u.listener.stop(take)
		})
	}
}
