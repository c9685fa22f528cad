// SPDX-License-Identifier: Apache-2.0

// Measures Go's exporter and its SDK's own encoder, as tests/bench/languages.py asks.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"go.opentelemetry.io/otel/attribute"
	api "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"otelue.dev/otelue"
	"otelue.dev/otelue/tests/encoder"
)

const collections = 4 // in turn

type workload struct {
	kind, temporality string
	series            int
}

// collect returns what a reader hands over in some cycles.
func (w workload) collect() (made []*metricdata.ResourceMetrics) {
	temporality := metric.CumulativeTemporalitySelector
	if w.temporality == "delta" {
		temporality = metric.DeltaTemporalitySelector
	}
	reader := metric.NewManualReader(metric.WithTemporalitySelector(temporality))
	exponential := metric.NewView(metric.Instrument{Name: "exponential"},
		metric.Stream{Aggregation: metric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})
	meter := metric.NewMeterProvider(metric.WithReader(reader), metric.WithView(exponential),
		metric.WithCardinalityLimit(0), metric.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "shop"), attribute.String("service.version", "1.2.3"),
			attribute.String("host.name", "web-1"), attribute.String("os.type", "linux")))).Meter("bench")
	ctx := context.Background()
	sum, err := meter.Int64Counter("sum")
	check(err)
	histogram, err := meter.Float64Histogram(w.kind, api.WithUnit("s"))
	check(err)
	for range collections {
		for i := range w.series {
			attributes := api.WithAttributes(
				attribute.String("http.request.method", "GET"),
				attribute.String("url.scheme", "https"),
				attribute.String("http.route", fmt.Sprintf("/api/v1/items/%d", i)),
				attribute.String("server.address", "shop.example.com"),
				attribute.String("error.type", fmt.Sprintf("error %d", i%7)))
			if w.kind == "sum" {
				sum.Add(ctx, int64(i+1), attributes)
				continue
			}
			for k, value := 0, 0.001*float64(i+1); k < 5; k, value = k+1, 3*value {
				histogram.Record(ctx, value, attributes)
			}
		}
		rm := new(metricdata.ResourceMetrics)
		check(reader.Collect(ctx, rm))
		made = append(made, rm)
	}
	return made
}

func main() {
	ctx := context.Background()
	made, exporters := map[workload][]*metricdata.ResourceMetrics{}, map[string]*otelue.Exporter{}
	packings := map[string]otelue.Packing{
		"metric": otelue.PackMetric, "point": otelue.PackPoint, "request": otelue.PackRequest,
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var w workload
		var who, packing string
		var exports int
		_, err := fmt.Sscanf(lines.Text(), "round %s %s %s %s %d %d",
			&who, &w.kind, &w.temporality, &packing, &w.series, &exports)
		check(err)
		if made[w] == nil {
			made[w] = w.collect()
		}
		if exporters[packing] == nil {
			exporters[packing], err = otelue.New(otelue.WithPacking(packings[packing]))
			check(err)
		}
		export := exporters[packing].Export
		if who == "sdk" {
			export = func(ctx context.Context, rm *metricdata.ResourceMetrics) error {
				_, err := encoder.Encode(ctx, rm)
				return err
			}
		}
		// One export of all points that is not measured.
		before := exporters[packing].Statistics().PointsExported
		check(export(ctx, made[w][0]))
		if exported := exporters[packing].Statistics().PointsExported - before; who == "ours" && exported != uint64(w.series) {
			panic(exported)
		}
		start := processorTime()
		for i := range exports {
			check(export(ctx, made[w][i%collections]))
		}
		check(json.NewEncoder(os.Stdout).Encode(map[string]int64{
			"ns": processorTime() - start, "points": int64(exports * w.series),
		}))
	}
}

// processorTime of all threads, as garbage is collected by others.
func processorTime() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
