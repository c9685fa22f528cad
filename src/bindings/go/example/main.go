// SPDX-License-Identifier: Apache-2.0

// A small shop whose metrics anybody on this machine can listen to: otelue watch.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"otelue.dev/otelue"
)

func main() {
	ctx := context.Background()
	exporter, err := otelue.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(sdk.NewPeriodicReader(exporter, sdk.WithInterval(time.Second))))
	defer provider.Shutdown(ctx)
	meter := provider.Meter("shop")
	requests, _ := meter.Int64Counter("http.server.requests")
	durations, _ := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	for range 100 {
		method := []string{"GET", "POST"}[rand.IntN(2)]
		attributes := metric.WithAttributes(attribute.String("http.request.method", method))
		requests.Add(ctx, 1, attributes)
		durations.Record(ctx, rand.ExpFloat64()/10, attributes)
		time.Sleep(100 * time.Millisecond)
	}
}
