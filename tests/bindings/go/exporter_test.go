// SPDX-License-Identifier: Apache-2.0

// Package tests has what the exporter promises beyond what compare.py shows. Recordings stand for a listener.
package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	contrib "go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"otelue.dev/otelue"
	_ "otelue.dev/otelue/autoexport"
	"otelue.dev/otelue/tests/encoder"
)

func gauge(points ...metricdata.DataPoint[int64]) metricdata.Metrics {
	return metricdata.Metrics{Name: "gauge", Data: metricdata.Gauge[int64]{DataPoints: points}}
}

func point(value int64, attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attributes...), Time: time.Unix(1, 0), Value: value}
}

func collection(some ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: some}}}
}

type recorder struct {
	*otelue.Exporter
	testing.TB
	path string
}

func record(t testing.TB, some ...otelue.Option) recorder {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording")
	e, err := otelue.New(append(some, otelue.WithRecording(path))...)
	if err != nil {
		t.Fatal(err)
	}
	return recorder{e, t, path}
}

// events returns the requests of a recording of this machine.
func (r recorder) events() (found []*otlp.ResourceMetrics) {
	data, err := os.ReadFile(r.path)
	if err != nil {
		r.Fatal(err)
	}
	for data = data[16:]; len(data) > 0; {
		size := binary.NativeEndian.Uint32(data)
		var request collector.ExportMetricsServiceRequest
		if err := proto.Unmarshal(data[40:40+size], &request); err != nil {
			r.Fatal(err)
		}
		found = append(found, request.ResourceMetrics...)
		data = data[40+size:]
	}
	return found
}

func (r recorder) metrics() (found []*otlp.Metric) {
	for _, event := range r.events() {
		for _, scope := range event.ScopeMetrics {
			found = append(found, scope.Metrics...)
		}
	}
	return found
}

// values are those of all gauges.
func (r recorder) values() (found []int64) {
	for _, metric := range r.metrics() {
		for _, p := range metric.GetGauge().GetDataPoints() {
			found = append(found, p.GetAsInt())
		}
	}
	return found
}

func (r recorder) export(some ...metricdata.Metrics) error {
	return r.Export(context.Background(), collection(some...))
}

func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, some := range words {
		if err == nil || !strings.Contains(err.Error(), some) {
			t.Errorf("%v does not say %q", err, some)
		}
	}
}

func want[T any](t testing.TB, got, wanted T) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%v, not %v", got, wanted)
	}
}

// handled returns what is reported to the SDK's error handler.
func handled(t testing.TB) *[]string {
	said := new([]string)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { *said = append(*said, err.Error()) }))
	return said
}

// ---- Values: the differences from the SDK's encoder

func TestStringsThatAreNotUTF8AreSentAsBytes(t *testing.T) {
	r, m := record(t), gauge(point(1, attribute.String("a", "x\xff")), point(2))
	want(t, r.export(m), nil)
	attributes := r.metrics()[0].GetGauge().DataPoints[0].Attributes
	want(t, attributes[0].Value.GetBytesValue(), []byte("x\xff"))
	_, err := encoder.Encode(t.Context(), collection(m))
	wantError(t, err, "invalid UTF-8") // for everything
}

func TestAttributesWhoseKeyIsNotUTF8AreDropped(t *testing.T) {
	said, r := handled(t), record(t)
	m := gauge(point(1, attribute.Int("\xff", 1), attribute.Int("b", 2)),
		point(2, attribute.Map("map", attribute.Int("\xfe", 1))))
	want(t, r.export(m), nil)
	points := r.metrics()[0].GetGauge().DataPoints
	want(t, len(points[0].Attributes), 1)
	want(t, points[0].Attributes[0].Key, "b")
	want(t, len(points[1].Attributes[0].Value.GetKvlistValue().Values), 0)
	if len(*said) > 1 { // once in this process
		t.Error(*said)
	}
}

func TestValuesNestedTooDeepAreEmptied(t *testing.T) {
	deep := attribute.IntValue(1)
	for range 70 {
		deep = attribute.SliceValue(deep)
	}
	r := record(t)
	want(t, r.export(gauge(point(1, attribute.KeyValue{Key: "deep", Value: deep}))), nil)
	depth := 0
	for v := r.metrics()[0].GetGauge().DataPoints[0].Attributes[0].Value; len(v.GetArrayValue().GetValues()) > 0; depth++ {
		v = v.GetArrayValue().Values[0]
	}
	want(t, depth, 46)
	want(t, r.Statistics().ValuesEmptied, 1)
}

func TestIDsOfAWrongLengthAreLeftOut(t *testing.T) {
	p := point(1)
	p.Exemplars = []metricdata.Exemplar[int64]{
		{Value: 1, TraceID: []byte{1, 2}, SpanID: []byte{3}},
		{Value: 2, TraceID: bytes.Repeat([]byte{1}, 16), SpanID: bytes.Repeat([]byte{2}, 8)},
	}
	r := record(t)
	want(t, r.export(gauge(p)), nil)
	sent := r.metrics()[0].GetGauge().DataPoints[0].Exemplars
	want(t, len(sent), 2)
	want(t, len(sent[0].TraceId)+len(sent[0].SpanId), 0)
	want(t, [2]int{len(sent[1].TraceId), len(sent[1].SpanId)}, [2]int{16, 8})
}

func TestBucketCountsThatDoNotFitTheBoundsCostTheirPoint(t *testing.T) {
	r := record(t)
	m := metricdata.Metrics{Name: "h", Data: metricdata.Histogram[int64]{
		Temporality: metricdata.DeltaTemporality,
		DataPoints: []metricdata.HistogramDataPoint[int64]{
			{Bounds: []float64{1, 2}, BucketCounts: []uint64{1, 2}},
			{Bounds: []float64{1, 2}, BucketCounts: []uint64{1, 2, 3}},
		},
	}}
	wantError(t, r.export(m), "1 of 2 points was not exported; first h, point 0")
	want(t, r.metrics()[0].GetHistogram().DataPoints[0].BucketCounts, []uint64{1, 2, 3})
}

func TestSummariesOfOtherProducersAreSent(t *testing.T) {
	r := record(t)
	want(t, r.export(metricdata.Metrics{Name: "s", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{
		{Count: 3, Sum: 6, QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 2}, {Quantile: 1, Value: 3}}},
		{},
	}}}), nil)
	points := r.metrics()[0].GetSummary().DataPoints
	want(t, [2]float64{float64(points[0].Count), points[0].Sum}, [2]float64{3, 6})
	want(t, [2]float64{points[0].QuantileValues[1].Quantile, points[0].QuantileValues[1].Value}, [2]float64{1, 3})
	want(t, len(points), 2)
}

func TestAttributesOfDifferentTypesStayApart(t *testing.T) {
	r := record(t)
	values := []attribute.Value{
		attribute.BoolValue(true), attribute.IntValue(1), attribute.Float64Value(1), attribute.StringValue("1"),
		attribute.ByteSliceValue([]byte("1")), attribute.Int64SliceValue([]int64{1}), {},
	}
	var points []metricdata.DataPoint[int64]
	for i, v := range values {
		points = append(points, point(int64(i), attribute.KeyValue{Key: "k", Value: v}))
	}
	want(t, r.export(gauge(points...)), nil)
	var found []any
	for _, p := range r.metrics()[0].GetGauge().DataPoints {
		found = append(found, reflect.TypeOf(p.Attributes[0].Value.Value))
	}
	want(t, found, []any{
		reflect.TypeFor[*common.AnyValue_BoolValue](), reflect.TypeFor[*common.AnyValue_IntValue](),
		reflect.TypeFor[*common.AnyValue_DoubleValue](), reflect.TypeFor[*common.AnyValue_StringValue](),
		reflect.TypeFor[*common.AnyValue_BytesValue](), reflect.TypeFor[*common.AnyValue_ArrayValue](), nil,
	})
}

func TestMetricsThatSayTheSameOfThemselvesAreAllSent(t *testing.T) {
	r := record(t)
	for range 2 {
		want(t, r.export(gauge(point(1)), gauge(point(2)), gauge(point(3))), nil)
	}
	want(t, r.values(), []int64{1, 2, 3, 1, 2, 3})
	want(t, len(r.metrics()), 6)
}

// ---- Results and messages

func TestAPartialFailureIsAnErrorInWords(t *testing.T) {
	r := record(t)
	large := attribute.String("a", strings.Repeat("x", 9000))
	for range 2 {
		wantError(t, r.export(gauge(point(1), point(2, large), point(3))),
			"1 of 3 points was not exported; first gauge, point 1: too large for an event")
	}
	want(t, r.values(), []int64{1, 3, 1, 3})
}

func TestBadMetricsCostThemselves(t *testing.T) {
	r := record(t)
	err := r.export(gauge(point(1)), metricdata.Metrics{Name: "odd"}, gauge(point(2)),
		metricdata.Metrics{Name: "no temporality", Data: metricdata.Sum[int64]{
			DataPoints: []metricdata.DataPoint[int64]{point(3)},
		}}, metricdata.Metrics{Name: "x\xff", Data: gauge(point(4)).Data})
	wantError(t, err, `metric "odd" has an unknown aggregation`, "2 of 4 points were not exported; first \"no temporality\"")
	want(t, r.values(), []int64{1, 2})
	want(t, r.Export(t.Context(), nil), nil)
}

func TestEachExportIsOneLineAtDebugLevel(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	want(t, record(t).export(gauge(point(1), point(2))), nil)
	want(t, strings.Count(out.String(), "\n"), 1)
	if !strings.Contains(out.String(), "points=2 of=2 events=1") {
		t.Error(out.String())
	}
}

// ---- Settings

func TestTemporalityAndAggregation(t *testing.T) {
	delta, cumulative := metricdata.DeltaTemporality, metricdata.CumulativeTemporality
	for said, wanted := range map[string][3]metricdata.Temporality{
		"":            {delta, cumulative, delta},
		"delta":       {delta, cumulative, delta},
		" Cumulative": {cumulative, cumulative, cumulative},
		"LOWMEMORY":   {delta, cumulative, cumulative},
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", said)
		e := record(t)
		want(t, [3]metricdata.Temporality{e.Temporality(metric.InstrumentKindCounter),
			e.Temporality(metric.InstrumentKindUpDownCounter), e.Temporality(metric.InstrumentKindObservableCounter)}, wanted)
	}
	e := record(t, otelue.WithTemporalitySelector(metric.DeltaTemporalitySelector))
	want(t, e.Temporality(metric.InstrumentKindCounter), delta)
	want(t, reflect.TypeOf(e.Aggregation(metric.InstrumentKindHistogram)),
		reflect.TypeFor[metric.AggregationExplicitBucketHistogram]())
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")
	e = record(t)
	want(t, reflect.TypeOf(e.Aggregation(metric.InstrumentKindHistogram)),
		reflect.TypeFor[metric.AggregationBase2ExponentialHistogram]())
	e = record(t, otelue.WithAggregationSelector(metric.DefaultAggregationSelector))
	want(t, reflect.TypeOf(e.Aggregation(metric.InstrumentKindHistogram)),
		reflect.TypeFor[metric.AggregationExplicitBucketHistogram]())
}

func TestPackingAndEventLimits(t *testing.T) {
	metrics := []metricdata.Metrics{gauge(point(1), point(2)), {Name: "other", Data: gauge(point(3)).Data}}
	for packing, events := range map[string]int{"": 2, "metric": 2, "Point": 3, "request": 1} {
		t.Setenv("OTEL_EXPORTER_USER_EVENTS_PACKING", packing)
		r := record(t)
		want(t, r.export(metrics...), nil)
		want(t, len(r.events()), events)
	}
	r := record(t, otelue.WithPacking(otelue.PackPoint))
	want(t, r.export(metrics...), nil)
	want(t, len(r.events()), 3)

	large := gauge(point(1), point(2, attribute.String("a", strings.Repeat("x", 500))))
	t.Setenv("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "400")
	wantError(t, record(t).export(large), "1 of 2 points")
	want(t, record(t, otelue.WithMaxEventBytes(1000)).export(large), nil)
	t.Setenv("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "100")
	t.Setenv("OTEL_EXPORTER_USER_EVENTS_PACKING", "metric")
	many := make([]metricdata.DataPoint[int64], 20)
	for _, some := range [][]otelue.Option{nil, {otelue.WithTargetEventBytes(200)}} {
		r = record(t, some...)
		want(t, r.export(gauge(many...)), nil)
		largest := 0
		for _, event := range r.events() {
			largest = max(largest, proto.Size(&collector.ExportMetricsServiceRequest{
				ResourceMetrics: []*otlp.ResourceMetrics{event},
			}))
		}
		limit := 100 * (1 + len(some))
		if largest > limit || largest < limit/2 {
			t.Errorf("an event of %d bytes, limit %d", largest, limit)
		}
	}
}

func TestMistakesInTheEnvironmentAreReportedAndDefaultsHold(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_USER_EVENTS_PACKING":                        "tight",
		"OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES":             "-1",
		"OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES":                "4k",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        "sometimes",
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "none",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			said, r := handled(t), record(t)
			want(t, len(*said), 1)
			want(t, r.export(gauge(point(1))), nil)
			want(t, r.values(), []int64{1})
		})
	}
}

func TestWhatTheLibraryRefuses(t *testing.T) {
	_, err := otelue.New(otelue.WithMaxEventBytes(100_000))
	wantError(t, err, "otelue: ")
	_, err = otelue.New(otelue.WithPacking(7))
	wantError(t, err, "otelue: ")
	directory := t.TempDir()
	_, err = otelue.New(otelue.WithRecording(directory))
	wantError(t, err, directory)
	for name, value := range map[string]string{
		"OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES": "100000",
		"OTEL_EXPORTER_USER_EVENTS_RECORDING":       directory,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			said := handled(t)
			e, err := otelue.New()
			want(t, err, nil)
			for range 2 {
				want(t, e.Export(t.Context(), collection(gauge(point(1)))), nil)
			}
			want(t, len(*said), 1)
			want(t, e.Shutdown(t.Context()), nil)
		})
	}
}

func TestOneEnvironmentVariableSwitchesItOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recording")
	t.Setenv("OTEL_METRICS_EXPORTER", "user_events")
	t.Setenv("OTEL_EXPORTER_USER_EVENTS_RECORDING", path)
	reader, err := contrib.NewMetricReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	counter, err := provider.Meter("m").Int64Counter("c")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	want(t, provider.Shutdown(t.Context()), nil)
	sent := recorder{path: path, TB: t}.metrics()
	want(t, sent[0].GetSum().DataPoints[0].GetAsInt(), 3)
	want(t, sent[0].GetSum().AggregationTemporality, otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA)
}

// ---- Self-telemetry

func TestTheExporterCountsItsOwnPoints(t *testing.T) {
	t.Setenv("OTEL_GO_X_OBSERVABILITY", "true")
	reader := metric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	defer otel.SetMeterProvider(before)
	r := record(t)
	wantError(t, r.export(gauge(point(1), point(2), point(3, attribute.String("a", strings.Repeat("x", 9000))))), "1 of 3")
	var rm metricdata.ResourceMetrics
	want(t, reader.Collect(t.Context(), &rm), nil)
	type series struct{ name, reason string }
	found := map[series]int64{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		add := func(set attribute.Set, n int64) {
			kind, _ := set.Value("otel.component.type")
			want(t, kind.AsString(), "otelue.dev/otelue.Exporter")
			reason, _ := set.Value("error.type")
			found[series{m.Name, reason.AsString()}] = n
		}
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(p.Attributes, p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(p.Attributes, int64(p.Count))
			}
		}
	}
	want(t, found, map[series]int64{
		{"otel.sdk.exporter.metric_data_point.exported", ""}:          2,
		{"otel.sdk.exporter.metric_data_point.exported", "too_large"}: 1,
		{"otel.sdk.exporter.metric_data_point.inflight", ""}:          0,
		{"otel.sdk.exporter.operation.duration", "too_large"}:         1,
	})
}
