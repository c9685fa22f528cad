// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
	"otelue.dev/collector/usereventsreceiver/internal/perftest"
)

const (
	eventually = time.Minute
	often      = time.Millisecond
	id         = 7
)

// encoded returns a request of a gauge with points of these values.
func encoded(t testing.TB, values ...int64) []byte {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	resource.Resource().Attributes().PutInt("process.pid", 1)
	metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("interval")
	points := metric.SetEmptyGauge().DataPoints()
	for _, value := range values {
		points.AppendEmpty().SetIntValue(value)
	}
	bytes, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return bytes
}

func values(metrics ...pmetric.Metrics) (found []int64) {
	for _, one := range metrics {
		for _, resource := range one.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					for _, point := range metric.Gauge().DataPoints().All() {
						found = append(found, point.IntValue())
					}
				}
			}
		}
	}
	return found
}

// running is a receiver on a machine, with all that it says.
type running struct {
	*machine
	receiver  receiver.Metrics
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	isDown    bool
}

func fastConfig() *Config {
	config := createDefaultConfig().(*Config)
	config.PerCPUBufferSize = 64 << 10
	config.LateRegistrationPollInterval = time.Millisecond
	config.Batching.MaxDuration = time.Millisecond
	config.RetryOnFailure.InitialInterval = time.Millisecond
	config.RetryOnFailure.MaxInterval = time.Millisecond
	return config
}

func start(t testing.TB, m *machine, config *Config, next consumer.Metrics) *running {
	require.NoError(t, config.Validate())
	telemetry := componenttest.NewTelemetry()
	core, logs := observer.New(zap.DebugLevel)
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	factory := newFactory(func() (kernel, error) { return m, nil })
	r, err := factory.CreateMetrics(context.Background(), settings, config, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
	running := &running{machine: m, receiver: r, telemetry: telemetry, logs: logs}
	t.Cleanup(func() { running.stop(t) })
	return running
}

func (r *running) stop(t testing.TB) {
	if r.isDown {
		return
	}
	r.isDown = true
	require.NoError(t, r.receiver.Shutdown(context.Background()))
	assert.Zero(t, r.held, "holders")
	assert.True(t, r.isClosed)
	for _, rings := range r.rings {
		for _, ring := range rings {
			assert.True(t, ring.CloseCalled.Load())
		}
	}
}

// await returns a ring once it is open.
func (r *running) await(t testing.TB, id, cpu int) *perftest.Ring {
	var ring *perftest.Ring
	require.Eventually(t, func() bool { ring = r.ring(id, cpu); return ring != nil }, eventually, often)
	return ring
}

// sum is a counter of the receiver's own telemetry, with all of its attributes taken together or some.
func (r *running) sum(t testing.TB, name string, with ...attribute.KeyValue) (total int64) {
	metric, err := r.telemetry.GetMetric("otelcol_receiver_" + name)
	if err != nil {
		return 0
	}
	for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
		matches := true
		for _, attribute := range with {
			value, ok := point.Attributes.Value(attribute.Key)
			matches = matches && ok && value == attribute.Value
		}
		if matches {
			total += point.Value
		}
	}
	return total
}

func (r *running) messages(text string) int { return r.logs.FilterMessageSnippet(text).Len() }

func TestEventsOfAllProcessorsComeInTheOrderOfTheirTimes(t *testing.T) {
	m, sink := newMachine(3), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	config := fastConfig()
	config.Batching.MaxSize = 1000
	config.Batching.MaxDuration = time.Hour
	r := start(t, m, config, sink)
	var expected []int64
	for number := range int64(100) {
		ring := r.await(t, id, int(number*7%3))
		require.True(t, ring.Write(10, 0, uint64(1000+number), perftest.Event(encoded(t, number))))
		expected = append(expected, number)
	}
	r.stop(t)
	assert.Equal(t, expected, values(sink.AllMetrics()...))
	assert.EqualValues(t, 100, r.sum(t, "user_events_received_events"))
	assert.EqualValues(t, 100, r.sum(t, "accepted_metric_points"))
	assert.Zero(t, r.sum(t, "user_events_lost_events"))
}

func TestWhatHasJustComeWaitsForOtherProcessors(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	r := start(t, m, fastConfig(), sink)
	now := m.monotonic()
	ring := r.await(t, id, 0)
	require.True(t, ring.Write(10, 0, now-uint64(settle), perftest.Event(encoded(t, 1))))
	require.True(t, ring.Write(10, 0, now-uint64(settle)+1, perftest.Event(encoded(t, 2))))
	require.Eventually(t, func() bool { return sink.DataPointCount() == 1 }, eventually, often)
	assert.Equal(t, []int64{1}, values(sink.AllMetrics()...))
	m.locked(func() { m.clock++ })
	require.Eventually(t, func() bool { return sink.DataPointCount() == 2 }, eventually, often)
}

func TestARingThatFillsUpDoesNotWait(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	m.ringSize = 4096
	r := start(t, m, fastConfig(), sink)
	ring := r.await(t, id, 0)
	event, number := perftest.Event(encoded(t, 1)), 0
	for number*len(event) < 4096/2 {
		require.True(t, ring.Write(10, 0, m.monotonic()+1, event))
		number++
	}
	require.Eventually(t, func() bool { return sink.DataPointCount() == number }, eventually, often)
}

func TestBatchesHaveTheirSize(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	config := fastConfig()
	config.Batching.MaxSize = 10
	config.Batching.MaxDuration = time.Hour
	r := start(t, m, config, sink)
	ring := r.await(t, id, 0)
	// 4 + 4, then 4 would be too many; 12 in one event stay together; 10 are full at once.
	for i, size := range []int{4, 4, 4, 12, 10, 1} {
		require.True(t, ring.Write(10, 0, uint64(i), perftest.Event(encoded(t, make([]int64, size)...))))
	}
	r.stop(t)
	var sizes []int
	for _, metrics := range sink.AllMetrics() {
		sizes = append(sizes, metrics.DataPointCount())
	}
	assert.Equal(t, []int{8, 4, 12, 10, 1}, sizes)
}

func TestStartWaitsForATracepoint(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(*machine)
		message string
	}{
		"nobody has registered it": {func(*machine) {}, "nobody has registered the tracepoint"},
		"no tracefs": {
			func(m *machine) { m.findError = errors.New("tracefs is not mounted here") }, "tracefs is not mounted here",
		},
		"no permission": {
			func(m *machine) { m.findError = &fs.PathError{Op: "open", Path: "format", Err: syscall.EACCES} },
			"CAP_PERFMON or root",
		},
		"perf refuses": {func(m *machine) { m.openError = syscall.EPERM }, "CAP_PERFMON or root"},
		"no memory":    {func(m *machine) { m.openError = syscall.ENOMEM }, "kernel.perf_event_mlock_kb"},
	} {
		t.Run(name, func(t *testing.T) {
			m, sink := newMachine(1), new(consumertest.MetricsSink)
			m.holdError = syscall.EACCES
			c.set(m)
			if m.openError != nil {
				m.register(t, "otlp_metrics", id)
			}
			config := fastConfig()
			r := start(t, m, config, sink)
			require.Eventually(t, func() bool { return r.messages("not listening") == 1 }, eventually, often)
			reason := r.logs.FilterMessageSnippet("not listening").All()[0].ContextMap()["reason"]
			assert.Contains(t, reason, c.message)
			require.Eventually(t, func() bool { return r.messages("cannot register") == 1 }, eventually, often)

			m.register(t, "otlp_metrics", id)
			m.locked(func() { m.findError, m.openError = nil, nil })
			ring := r.await(t, id, 0)
			require.True(t, ring.Write(10, 0, 1, perftest.Event(encoded(t, 5))))
			r.stop(t)
			assert.Equal(t, []int64{5}, values(sink.AllMetrics()...))
			// Each was said once, however often it was tried.
			assert.Equal(t, 1, r.messages("not listening"))
			assert.Equal(t, 1, r.messages("cannot register"))
			assert.Equal(t, 1, r.messages("listening")-r.messages("not listening"))
		})
	}
}

func TestItHoldsTheTracepoint(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	config := fastConfig()
	config.AdditionalTracepoints = []string{"user_events:more"}
	r := start(t, m, config, sink)
	first, second := r.await(t, 100, 0), r.await(t, 101, 0)
	m.locked(func() { assert.Equal(t, 2, m.held) })
	require.True(t, second.Write(10, 0, 2, perftest.Event(encoded(t, 2))))
	require.True(t, first.Write(10, 0, 1, perftest.Event(encoded(t, 1))))
	r.stop(t)
	assert.ElementsMatch(t, []int64{1, 2}, values(sink.AllMetrics()...))
	assert.EqualValues(t, 1, r.sum(t, "user_events_received_events", attribute.String("tracepoint", "more")))
}

func TestItHoldsNothingUnlessItIsTo(t *testing.T) {
	m := newMachine(1)
	config := fastConfig()
	config.Register = false
	r := start(t, m, config, consumertest.NewNop())
	require.Eventually(t, func() bool { return r.messages("not listening") == 1 }, eventually, often)
	r.stop(t)
	assert.Empty(t, m.formats)
}

func TestProcessorsComeAndGo(t *testing.T) {
	m, sink := newMachine(2), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	m.switchCPU(1, false)
	r := start(t, m, fastConfig(), sink)
	r.await(t, id, 0)
	assert.Nil(t, m.ring(id, 1))
	m.switchCPU(1, true)
	ring := r.await(t, id, 1)
	require.True(t, ring.Write(10, 1, m.monotonic(), perftest.Event(encoded(t, 1)))) // waits
	m.switchCPU(1, false)
	require.Eventually(t, func() bool { return m.ring(id, 1) == nil }, eventually, often)
	require.Eventually(t, func() bool { return sink.DataPointCount() == 1 }, eventually, often)
	m.switchCPU(1, true)
	ring = r.await(t, id, 1)
	require.True(t, ring.Write(10, 1, 1, perftest.Event(encoded(t, 2))))
	r.stop(t)
	assert.Equal(t, []int64{1, 2}, values(sink.AllMetrics()...))
}

func TestATracepointThatIsRegisteredAnew(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	m.holdError = syscall.EACCES
	m.register(t, "otlp_metrics", id)
	r := start(t, m, fastConfig(), sink)
	require.True(t, r.await(t, id, 0).Write(10, 0, m.monotonic(), perftest.Event(encoded(t, 1)))) // waits
	m.register(t, "otlp_metrics", id+1)
	require.True(t, r.await(t, id+1, 0).Write(10, 0, 1, perftest.Event(encoded(t, 2))))
	assert.Nil(t, m.ring(id, 0))
	m.locked(func() { clear(m.formats) })
	require.Eventually(t, func() bool { return m.ring(id+1, 0) == nil }, eventually, often)
	m.register(t, "otlp_metrics", id+2)
	require.True(t, r.await(t, id+2, 0).Write(10, 0, 1, perftest.Event(encoded(t, 3))))
	r.stop(t)
	assert.Equal(t, []int64{1, 2, 3}, values(sink.AllMetrics()...))
}

// refusing is a component that takes nothing while it is told so.
type refusing struct {
	consumertest.MetricsSink
	err   atomic.Pointer[error]
	asked atomic.Int64
}

func (c *refusing) refuse(err error) { c.err.Store(&err) }

func (c *refusing) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	c.asked.Add(1)
	if err := c.err.Load(); err != nil && *err != nil {
		return *err
	}
	return c.MetricsSink.ConsumeMetrics(ctx, metrics)
}

func TestWhileTheNextComponentRefusesOnlyTheRingOverflows(t *testing.T) {
	m, sink := newMachine(1), new(refusing)
	m.register(t, "otlp_metrics", id)
	m.ringSize = 4096
	sink.refuse(errors.New("not now"))
	r := start(t, m, fastConfig(), sink)
	ring := r.await(t, id, 0)
	require.True(t, ring.Write(10, 0, 0, perftest.Event(encoded(t, 0))))
	require.Eventually(t, func() bool { return sink.asked.Load() > 3 }, eventually, often)
	var expected []int64
	for number := range int64(1000) {
		if ring.Write(10, 0, 1, perftest.Event(encoded(t, number))) {
			expected = append(expected, number)
		}
	}
	require.NotEmpty(t, expected)
	lost := 1000 - len(expected)
	assert.EqualValues(t, lost, ring.Lost())
	// It is counted while nothing is read.
	require.Eventually(t, func() bool {
		return r.sum(t, "user_events_lost_events") == int64(lost)
	}, eventually, often)
	sink.refuse(nil)
	require.Eventually(t, func() bool { return sink.DataPointCount() == 1+len(expected) }, eventually, often)
	assert.Equal(t, append([]int64{0}, expected...), values(sink.AllMetrics()...))
	require.True(t, ring.Write(10, 0, 2, perftest.Event(encoded(t, 1))))
	r.stop(t)
	assert.EqualValues(t, lost, r.sum(t, "user_events_lost_events"), "the record of the ring is not counted again")
	assert.Zero(t, r.sum(t, "user_events_dropped_data_points"))
}

func TestLossesAtTheEndAreCounted(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	m.ringSize = 4096
	r := start(t, m, fastConfig(), sink)
	ring := r.await(t, id, 0)
	large := perftest.Event(make([]byte, 5000))
	for range 84 {
		require.False(t, ring.Write(10, 0, 1, large))
	}
	r.stop(t)
	assert.EqualValues(t, 84, r.sum(t, "user_events_lost_events"))
}

func TestWhatIsRefusedForGoodIsDroppedAndCounted(t *testing.T) {
	m, sink := newMachine(1), new(refusing)
	m.register(t, "otlp_metrics", id)
	sink.refuse(consumererror.NewPermanent(errors.New("never")))
	r := start(t, m, fastConfig(), sink)
	require.True(t, r.await(t, id, 0).Write(10, 0, 1, perftest.Event(encoded(t, 1, 2, 3))))
	require.Eventually(t, func() bool {
		return r.sum(t, "user_events_dropped_data_points") == 3
	}, eventually, often)
	assert.EqualValues(t, 1, sink.asked.Load())
	sink.refuse(nil)
	require.True(t, r.await(t, id, 0).Write(10, 0, 1, perftest.Event(encoded(t, 4))))
	r.stop(t)
	assert.Equal(t, []int64{4}, values(sink.AllMetrics()...))
}

func TestOnlyWhatIsLeftIsSentAgain(t *testing.T) {
	m, sink := newMachine(1), new(refusing)
	m.register(t, "otlp_metrics", id)
	rest, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(encoded(t, 3))
	require.NoError(t, err)
	sink.refuse(consumererror.NewMetrics(errors.New("two were taken"), rest))
	r := start(t, m, fastConfig(), sink)
	require.True(t, r.await(t, id, 0).Write(10, 0, 1, perftest.Event(encoded(t, 1, 2, 3))))
	require.Eventually(t, func() bool { return sink.asked.Load() > 1 }, eventually, often)
	sink.refuse(nil)
	r.stop(t)
	assert.Equal(t, []int64{3}, values(sink.AllMetrics()...))
}

func TestShutdownTriesEachBatchOnce(t *testing.T) {
	m, sink := newMachine(1), new(refusing)
	m.register(t, "otlp_metrics", id)
	sink.refuse(errors.New("not now"))
	config := fastConfig()
	config.Batching.MaxSize = 2
	config.RetryOnFailure.InitialInterval, config.RetryOnFailure.MaxInterval = time.Hour, time.Hour
	r := start(t, m, config, sink)
	ring := r.await(t, id, 0)
	require.True(t, ring.Write(10, 0, 1, perftest.Event(encoded(t, 1, 2))))
	require.Eventually(t, func() bool { return sink.asked.Load() == 1 }, eventually, often)
	require.True(t, ring.Write(10, 0, 1, perftest.Event(encoded(t, 3, 4))))
	require.True(t, ring.Write(10, 0, 1, perftest.Event(encoded(t, 5))))
	r.stop(t)
	assert.EqualValues(t, 4, sink.asked.Load(), "the first twice")
	assert.EqualValues(t, 5, r.sum(t, "user_events_dropped_data_points"))
	assert.EqualValues(t, 5, r.sum(t, "refused_metric_points")+r.sum(t, "failed_metric_points"))
}

func TestRetryingEnds(t *testing.T) {
	m, sink := newMachine(1), new(refusing)
	m.register(t, "otlp_metrics", id)
	sink.refuse(errors.New("not now"))
	config := fastConfig()
	config.RetryOnFailure.MaxElapsedTime = 20 * time.Millisecond
	r := start(t, m, config, sink)
	require.True(t, r.await(t, id, 0).Write(10, 0, 1, perftest.Event(encoded(t, 1))))
	require.Eventually(t, func() bool {
		return r.sum(t, "user_events_dropped_data_points") == 1
	}, eventually, often)
	assert.Greater(t, sink.asked.Load(), int64(1))
}

func TestMalformedEventsAreCountedAndCostThemselvesAlone(t *testing.T) {
	event := func(change func([]byte) []byte) []byte { return change(perftest.Event(encoded(t, 1))) }
	unhex := func(text string) []byte {
		bytes, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		require.NoError(t, err)
		return perftest.Event(bytes)
	}
	for reason, raw := range map[string][]byte{
		"short":    event(func(raw []byte) []byte { return raw[:20] }),
		"protocol": event(func(raw []byte) []byte { raw[8] = 1; return raw }),
		"version":  event(func(raw []byte) []byte { copy(raw[12:], "v0.18.00"); return raw }),
		"bounds":   event(func(raw []byte) []byte { raw[22], raw[23] = 0xff, 0xff; return raw }),
		"protobuf": unhex("0a05"),
		"text":     unhex("0a03 1a01ff"),
		"messages": perftest.Event([]byte(strings.Repeat("\x0a\x00", 8192))),
		"depth":    perftest.Event(nested(120)),
	} {
		t.Run(reason, func(t *testing.T) {
			m, sink := newMachine(1), new(consumertest.MetricsSink)
			m.register(t, "otlp_metrics", id)
			r := start(t, m, fastConfig(), sink)
			ring := r.await(t, id, 0)
			require.True(t, ring.Write(10, 0, 1, perftest.Event(encoded(t, 1))))
			require.True(t, ring.Write(10, 0, 1, raw))
			require.True(t, ring.Write(10, 0, 1, perftest.Event(encoded(t, 2))))
			r.stop(t)
			assert.Equal(t, []int64{1, 2}, values(sink.AllMetrics()...))
			assert.EqualValues(t, 3, r.sum(t, "user_events_received_events"))
			assert.EqualValues(t, 1, r.sum(t, "user_events_malformed_events"))
			assert.EqualValues(t, 1, r.sum(t, "user_events_malformed_events", attribute.String("reason", reason)))
		})
	}
}

// nested returns a request with an attribute of so many arrays in each other.
func nested(levels int) []byte {
	var value []byte
	wrap := func(tag byte) {
		prefix := []byte{tag}
		for size := len(value); ; size >>= 7 {
			if size < 0x80 {
				prefix = append(prefix, byte(size))
				break
			}
			prefix = append(prefix, byte(size)|0x80)
		}
		value = append(prefix, value...)
	}
	for range levels {
		wrap(0x0a) // ArrayValue.values
		wrap(0x2a) // AnyValue.array_value
	}
	for _, tag := range []byte{0x12, 0x0a, 0x0a, 0x0a} { // KeyValue.value, Resource.attributes, .resource, .resource_metrics
		wrap(tag)
	}
	return value
}

func TestResourcesGetWhatTheReceiverHasVerified(t *testing.T) {
	m, sink := newMachine(1), new(consumertest.MetricsSink)
	m.register(t, "otlp_metrics", id)
	m.processes = map[uint32]process{10: {"/usr/bin/shop", strings.Repeat("ab", 32)}}
	config := fastConfig()
	attributes := &config.ResourceAttributes
	attributes.ProcessPid.Enabled, attributes.ContainerID.Enabled = true, true
	attributes.ProcessExecutableName.Enabled, attributes.ProcessExecutablePath.Enabled = true, true
	r := start(t, m, config, sink)
	for i, pid := range []uint32{10, 11, 0} {
		require.True(t, r.await(t, id, 0).Write(pid, 0, uint64(i), perftest.Event(encoded(t, 1))))
	}
	r.stop(t)
	var found []map[string]any
	for _, metrics := range sink.AllMetrics() {
		for _, resource := range metrics.ResourceMetrics().All() {
			found = append(found, resource.Resource().Attributes().AsRaw())
		}
	}
	assert.Equal(t, []map[string]any{
		{
			"service.name": "shop", "process.pid": int64(10), "process.executable.path": "/usr/bin/shop",
			"process.executable.name": "shop", "container.id": strings.Repeat("ab", 32),
		},
		{"service.name": "shop", "process.pid": int64(11)},
		{"service.name": "shop"}, // the writer's own claim of a pid is gone
	}, found)
}

func TestStartWithoutAKernelIsNoFailure(t *testing.T) {
	factory := newFactory(func() (kernel, error) { return nil, errors.New("only Linux has user_events") })
	r, err := factory.CreateMetrics(
		context.Background(), receivertest.NewNopSettings(metadata.Type), fastConfig(), consumertest.NewNop(),
	)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, r.Shutdown(context.Background()))
}

// generator writes events for CheckConsumeContract.
type generator struct {
	t       *testing.T
	machine *machine
	number  atomic.Int64
}

func (g *generator) Start() {
	require.Eventually(g.t, func() bool { return g.machine.ring(id, 0) != nil }, eventually, often)
}

func (g *generator) Stop() {}

func (g *generator) Generate() []receivertest.UniqueIDAttrVal {
	unique := receivertest.UniqueIDAttrVal(fmt.Sprint(g.number.Add(1)))
	metrics := pmetric.NewMetrics()
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutStr(
		receivertest.UniqueIDAttrName, string(unique),
	)
	bytes, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(g.t, err)
	for !g.machine.ring(id, 0).Write(10, 0, 1, perftest.Event(bytes)) {
		time.Sleep(often)
	}
	return []receivertest.UniqueIDAttrVal{unique}
}

func TestTheContractOfConsumers(t *testing.T) {
	m := newMachine(1)
	m.register(t, "otlp_metrics", id)
	config := fastConfig()
	config.Batching.MaxSize = 3
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T:             t,
		Factory:       newFactory(func() (kernel, error) { return m, nil }),
		Signal:        pipeline.SignalMetrics,
		Config:        config,
		Generator:     &generator{t: t, machine: m},
		GenerateCount: 1000,
	})
}
