// SPDX-License-Identifier: Apache-2.0

// Exports every 300 ms, as lab.py asks.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	api "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"otelue.dev/otelue"
)

type reporting struct{ *otelue.Exporter }

func (r reporting) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := r.Exporter.Export(ctx, rm)
	points := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints
	s := r.Statistics()
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"interval": points[0].Value,
		"produced": len(points),
		"statistics": map[string]uint64{
			"points_exported":  s.PointsExported,
			"points_unheard":   s.PointsUnheard,
			"points_unwritten": s.PointsUnwritten,
			"points_invalid":   s.PointsInvalid,
			"points_too_large": s.PointsTooLarge,
		},
	}))
	return err
}

func main() {
	exporter, err := otelue.New()
	check(err)
	reader := metric.NewPeriodicReader(reporting{exporter}, metric.WithInterval(300*time.Millisecond))
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	number := int64(0)
	observe := func(_ context.Context, o api.Int64Observer) error {
		number++
		for i := range 200 {
			o.Observe(number, api.WithAttributes(attribute.Int("series", i), attribute.String("name", "of one of them")))
		}
		return nil
	}
	_, err = provider.Meter("lab").Int64ObservableGauge("interval", api.WithInt64Callback(observe))
	check(err)
	_, err = io.Copy(io.Discard, os.Stdin)
	check(err)
	check(provider.Shutdown(context.Background()))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
