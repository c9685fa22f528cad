// SPDX-License-Identifier: Apache-2.0

// Package autoexport lets OTEL_METRICS_EXPORTER=user_events choose the exporter of package otelue, in programs that
// make their reader by [autoexport.NewMetricReader]. Importing it is enough.
package autoexport

import (
	"context"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/metric"

	"otelue.dev/otelue"
)

func init() {
	autoexport.RegisterMetricReader("user_events", func(context.Context) (metric.Reader, error) {
		exporter, err := otelue.New()
		if err != nil {
			return nil, err
		}
		return metric.NewPeriodicReader(exporter), nil
	})
}
