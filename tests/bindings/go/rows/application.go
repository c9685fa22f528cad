// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	api "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

// What application.py generates.

type described struct {
	Resource struct {
		Attributes attributes `json:"attributes"`
		SchemaURL  string     `json:"schema_url"`
	} `json:"resource"`
	Scopes []struct {
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		SchemaURL  string     `json:"schema_url"`
		Attributes attributes `json:"attributes"`
	} `json:"scopes"`
	Instruments   []instrument `json:"instruments"`
	Views         []view       `json:"views"`
	AttributeSets []attributes `json:"attribute_sets"`
	Spans         []struct {
		TraceID string `json:"trace_id"`
		SpanID  string `json:"span_id"`
	} `json:"spans"`
	Cycles [][]measurement `json:"cycles"`
}

type instrument struct {
	Scope                                 int
	Kind, Number, Name, Unit, Description string
}

type view struct {
	Instrument, Name, Description, Aggregation string
	AttributeKeys                              *[]attribute.Key `json:"attribute_keys"`
	Bounds                                     []float64
	RecordMinMax                               *bool `json:"record_min_max"`
	MaxSize                                    int32 `json:"max_size"`
}

type measurement struct {
	instrument, attributes int
	number                 string
	span                   int
}

func (m *measurement) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&m.instrument, &m.attributes, &m.number, &m.span})
}

// attributes are given as pairs of a key and an object that says the type.
type attributes []attribute.KeyValue

func (a *attributes) UnmarshalJSON(data []byte) error {
	var pairs [][2]json.RawMessage
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	*a = make(attributes, len(pairs))
	for i, pair := range pairs {
		var key string
		var v value
		if err := json.Unmarshal(pair[0], &key); err != nil {
			return err
		}
		if err := json.Unmarshal(pair[1], &v); err != nil {
			return err
		}
		(*a)[i] = attribute.KeyValue{Key: attribute.Key(key), Value: v.Value}
	}
	return nil
}

type value struct{ attribute.Value }

func (v *value) UnmarshalJSON(data []byte) error {
	var said struct {
		String, Int, Double, Bytes *string
		Bool, Empty                *bool
		Array                      *[]value
		Map                        *attributes
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return err
	}
	switch {
	case said.String != nil:
		v.Value = attribute.StringValue(*said.String)
	case said.Bool != nil:
		v.Value = attribute.BoolValue(*said.Bool)
	case said.Int != nil:
		v.Value = attribute.Int64Value(integer(*said.Int))
	case said.Double != nil:
		v.Value = attribute.Float64Value(double(*said.Double))
	case said.Bytes != nil:
		v.Value = attribute.ByteSliceValue(fromHex(*said.Bytes))
	case said.Array != nil:
		v.Value = arrayValue(*said.Array)
	case said.Map != nil:
		v.Value = attribute.MapValue(*said.Map...)
	}
	return nil
}

// arrayValue is an array of one scalar type where that will do.
func arrayValue(elements []value) attribute.Value {
	values := make([]attribute.Value, len(elements))
	kinds := map[attribute.Type]bool{}
	for i, element := range elements {
		values[i] = element.Value
		kinds[element.Type()] = true
	}
	if len(kinds) == 1 {
		switch values[0].Type() {
		case attribute.BOOL:
			return attribute.BoolSliceValue(each(values, attribute.Value.AsBool))
		case attribute.INT64:
			return attribute.Int64SliceValue(each(values, attribute.Value.AsInt64))
		case attribute.FLOAT64:
			return attribute.Float64SliceValue(each(values, attribute.Value.AsFloat64))
		case attribute.STRING:
			return attribute.StringSliceValue(each(values, attribute.Value.AsString))
		}
	}
	return attribute.SliceValue(values...)
}

func each[T any](values []attribute.Value, convert func(attribute.Value) T) []T {
	converted := make([]T, len(values))
	for i, v := range values {
		converted[i] = convert(v)
	}
	return converted
}

func integer(decimal string) int64 { return must(strconv.ParseInt(decimal, 10, 64)) }

func double(bits string) float64 { return math.Float64frombits(must(strconv.ParseUint(bits, 16, 64))) }

func fromHex(digits string) []byte { return must(hex.DecodeString(digits)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func readApplication(path string) *described {
	var d described
	if err := json.Unmarshal(must(os.ReadFile(path)), &d); err != nil {
		panic(err)
	}
	return &d
}

// program is the application with a reader.
type program struct {
	*described
	reader *metric.ManualReader
	sets   []attribute.Set
	spans  []context.Context
	// What measures, by instrument.
	record []func(ctx context.Context, number string, set attribute.Set)
	// What observable instruments have observed, until they are asked.
	observed map[int][]func(api.Observer)
}

func newProgram(d *described, temporality metric.TemporalitySelector) *program {
	p := &program{
		described: d,
		reader:    metric.NewManualReader(metric.WithTemporalitySelector(temporality)),
		observed:  map[int][]func(api.Observer){},
	}
	for _, some := range d.AttributeSets {
		p.sets = append(p.sets, attribute.NewSet(some...))
	}
	for _, span := range d.Spans {
		p.spans = append(p.spans, trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(
			trace.SpanContextConfig{
				TraceID:    must(trace.TraceIDFromHex(span.TraceID)),
				SpanID:     must(trace.SpanIDFromHex(span.SpanID)),
				TraceFlags: trace.FlagsSampled,
			})))
	}
	options := []metric.Option{
		metric.WithReader(p.reader),
		metric.WithResource(resource.NewWithAttributes(d.Resource.SchemaURL, d.Resource.Attributes...)),
		metric.WithCardinalityLimit(0),
	}
	for _, v := range d.Views {
		options = append(options, metric.WithView(v.view()))
	}
	provider := metric.NewMeterProvider(options...)
	meters := make([]api.Meter, len(d.Scopes))
	for i, s := range d.Scopes {
		meters[i] = provider.Meter(s.Name, api.WithInstrumentationVersion(s.Version), api.WithSchemaURL(s.SchemaURL),
			api.WithInstrumentationAttributes(s.Attributes...))
	}
	for index, i := range d.Instruments {
		p.record = append(p.record, p.create(meters[i.Scope], index, i))
	}
	return p
}

func (v view) view() metric.View {
	stream := metric.Stream{Name: v.Name, Description: v.Description}
	switch v.Aggregation {
	case "drop":
		stream.Aggregation = metric.AggregationDrop{}
	case "exponential":
		stream.Aggregation = metric.AggregationBase2ExponentialHistogram{MaxSize: v.MaxSize, MaxScale: 20}
	case "histogram":
		stream.Aggregation = metric.AggregationExplicitBucketHistogram{
			Boundaries: v.Bounds, NoMinMax: v.RecordMinMax != nil && !*v.RecordMinMax,
		}
	}
	if v.AttributeKeys != nil {
		stream.AttributeFilter = attribute.NewAllowKeysFilter(*v.AttributeKeys...)
	}
	return metric.NewView(metric.Instrument{Name: v.Instrument}, stream)
}

func (p *program) create(m api.Meter, index int, i instrument) func(context.Context, string, attribute.Set) {
	unit, description := api.WithUnit(i.Unit), api.WithDescription(i.Description)
	set := api.WithAttributeSet
	isInt := i.Number == "int"
	switch {
	case i.Kind == "counter" && isInt:
		c := must(m.Int64Counter(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { c.Add(ctx, integer(n), set(s)) }
	case i.Kind == "counter":
		c := must(m.Float64Counter(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { c.Add(ctx, double(n), set(s)) }
	case i.Kind == "up_down_counter" && isInt:
		c := must(m.Int64UpDownCounter(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { c.Add(ctx, integer(n), set(s)) }
	case i.Kind == "up_down_counter":
		c := must(m.Float64UpDownCounter(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { c.Add(ctx, double(n), set(s)) }
	case i.Kind == "gauge" && isInt:
		g := must(m.Int64Gauge(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { g.Record(ctx, integer(n), set(s)) }
	case i.Kind == "gauge":
		g := must(m.Float64Gauge(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { g.Record(ctx, double(n), set(s)) }
	case i.Kind == "histogram" && isInt:
		h := must(m.Int64Histogram(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { h.Record(ctx, integer(n), set(s)) }
	case i.Kind == "histogram":
		h := must(m.Float64Histogram(i.Name, unit, description))
		return func(ctx context.Context, n string, s attribute.Set) { h.Record(ctx, double(n), set(s)) }
	}
	return p.createObservable(m, index, i)
}

func (p *program) createObservable(m api.Meter, index int, i instrument) func(context.Context, string, attribute.Set) {
	unit, description := api.WithUnit(i.Unit), api.WithDescription(i.Description)
	var observable api.Observable
	if i.Number == "int" {
		var o api.Int64Observable
		switch i.Kind {
		case "observable_counter":
			o = must(m.Int64ObservableCounter(i.Name, unit, description))
		case "observable_up_down_counter":
			o = must(m.Int64ObservableUpDownCounter(i.Name, unit, description))
		case "observable_gauge":
			o = must(m.Int64ObservableGauge(i.Name, unit, description))
		}
		p.callback(m, index, o)
		return func(_ context.Context, n string, s attribute.Set) {
			p.observed[index] = append(p.observed[index], func(to api.Observer) {
				to.ObserveInt64(o, integer(n), api.WithAttributeSet(s))
			})
		}
	}
	var o api.Float64Observable
	switch i.Kind {
	case "observable_counter":
		o = must(m.Float64ObservableCounter(i.Name, unit, description))
	case "observable_up_down_counter":
		o = must(m.Float64ObservableUpDownCounter(i.Name, unit, description))
	case "observable_gauge":
		o = must(m.Float64ObservableGauge(i.Name, unit, description))
	}
	observable = o
	p.callback(m, index, observable)
	return func(_ context.Context, n string, s attribute.Set) {
		p.observed[index] = append(p.observed[index], func(to api.Observer) {
			to.ObserveFloat64(o, double(n), api.WithAttributeSet(s))
		})
	}
}

func (p *program) callback(m api.Meter, index int, o api.Observable) {
	must(m.RegisterCallback(func(_ context.Context, to api.Observer) error {
		for _, observe := range p.observed[index] {
			observe(to)
		}
		delete(p.observed, index)
		return nil
	}, o))
}

// run returns the collection of a cycle.
func (p *program) run(cycle []measurement) *metricdata.ResourceMetrics {
	for _, m := range cycle {
		ctx := context.Background()
		if m.span >= 0 {
			ctx = p.spans[m.span]
		}
		p.record[m.instrument](ctx, m.number, p.sets[m.attributes])
	}
	var rm metricdata.ResourceMetrics
	if err := p.reader.Collect(context.Background(), &rm); err != nil {
		panic(err)
	}
	return &rm
}
