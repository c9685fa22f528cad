// SPDX-License-Identifier: Apache-2.0

package otelue

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
)

// Packing says which data points share an event.
type Packing uint32

const (
	// PackMetric puts consecutive points of one metric into an event.
	PackMetric Packing = iota
	// PackPoint gives each point an event of its own.
	PackPoint
	// PackRequest puts points of any metrics into an event, which takes the fewest events and the fewest bytes.
	PackRequest
)

type config struct {
	temporality metric.TemporalitySelector
	aggregation metric.AggregationSelector
	options     options
	recording   string
	// Whether the program has said something that the library may refuse.
	inCode bool
}

// Option sets what an environment variable sets too, and goes before it.
type Option func(*config)

// WithTemporalitySelector sets the temporality of each kind of instrument. Without it, and without
// OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, it is [metric.DeltaTemporalitySelector].
func WithTemporalitySelector(selector metric.TemporalitySelector) Option {
	return func(c *config) { c.temporality = selector }
}

// WithAggregationSelector sets the aggregation of each kind of instrument. Without it, and without
// OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION, it is [metric.DefaultAggregationSelector].
func WithAggregationSelector(selector metric.AggregationSelector) Option {
	return func(c *config) { c.aggregation = selector }
}

// WithPacking sets which points share an event: OTEL_EXPORTER_USER_EVENTS_PACKING, default [PackMetric].
func WithPacking(packing Packing) Option {
	return func(c *config) { c.options.packing, c.inCode = uint32(packing), true }
}

// WithTargetEventBytes sets the size up to which an event gets further points:
// OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES, default 4048, which every listener can receive.
func WithTargetEventBytes(size uint32) Option {
	return func(c *config) { c.options.targetEventBytes, c.inCode = size, true }
}

// WithMaxEventBytes sets how large an event with a single point may be: OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES,
// default 8168, which is all that perf can receive.
func WithMaxEventBytes(size uint32) Option {
	return func(c *config) { c.options.maxEventBytes, c.inCode = size, true }
}

// WithRecording sets a file to write to instead of the tracepoint: OTEL_EXPORTER_USER_EVENTS_RECORDING. The command
// `otelue watch FILE` reads it.
func WithRecording(path string) Option {
	return func(c *config) { c.recording, c.inCode = path, true }
}

const (
	prefix     = "OTEL_EXPORTER_USER_EVENTS_"
	prefixOTLP = "OTEL_EXPORTER_OTLP_METRICS_"
)

var (
	temporalities = map[string]metric.TemporalitySelector{
		"cumulative": metric.CumulativeTemporalitySelector,
		"delta":      metric.DeltaTemporalitySelector,
		"lowmemory":  metric.LowMemoryTemporalitySelector,
	}
	aggregations = map[string]metric.AggregationSelector{
		"explicit_bucket_histogram": metric.DefaultAggregationSelector,
		"base2_exponential_bucket_histogram": func(kind metric.InstrumentKind) metric.Aggregation {
			if kind == metric.InstrumentKindHistogram {
				return metric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
			}
			return metric.DefaultAggregationSelector(kind)
		},
	}
	packings = map[string]Packing{"metric": PackMetric, "point": PackPoint, "request": PackRequest}
)

// configFromEnvironment reports mistakes, and takes the default in their place.
func configFromEnvironment() config {
	return config{
		temporality: choice(prefixOTLP+"TEMPORALITY_PREFERENCE", temporalities, "delta"),
		aggregation: choice(prefixOTLP+"DEFAULT_HISTOGRAM_AGGREGATION", aggregations, "explicit_bucket_histogram"),
		options: options{
			packing:          uint32(choice(prefix+"PACKING", packings, "metric")),
			targetEventBytes: size(prefix + "TARGET_EVENT_BYTES"),
			maxEventBytes:    size(prefix + "MAX_EVENT_BYTES"),
		},
		recording: setting(prefix + "RECORDING"),
	}
}

func setting(name string) string { return strings.TrimSpace(os.Getenv(name)) }

func choice[T any](name string, choices map[string]T, otherwise string) T {
	said := strings.ToLower(setting(name))
	if said == "" {
		return choices[otherwise]
	}
	found, ok := choices[said]
	if !ok {
		otel.Handle(fmt.Errorf("otelue: %s is set to %q: using %s", name, said, otherwise))
		return choices[otherwise]
	}
	return found
}

func size(name string) uint32 {
	said := setting(name)
	if said == "" {
		return 0
	}
	bytes, err := strconv.ParseUint(said, 10, 32)
	if err != nil {
		otel.Handle(fmt.Errorf("otelue: %s is set to %q, which is no number of bytes: using the default", name, said))
	}
	return uint32(bytes)
}
