// SPDX-License-Identifier: Apache-2.0

package otelue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/otelconv"
)

// telemetry counts what the exporter does, as the semantic conventions name it. It is nil unless
// OTEL_GO_X_OBSERVABILITY asks for it, as it does for the exporters of the SDK.
type telemetry struct {
	inflight   otelconv.SDKExporterMetricDataPointInflight
	exported   otelconv.SDKExporterMetricDataPointExported
	duration   otelconv.SDKExporterOperationDuration
	attributes []attribute.KeyValue
}

var exporters atomic.Int64

func newTelemetry(e *Exporter) (*telemetry, error) {
	if !strings.EqualFold(os.Getenv("OTEL_GO_X_OBSERVABILITY"), "true") {
		return nil, nil
	}
	kind := reflect.TypeOf(e).Elem()
	component := kind.PkgPath() + "." + kind.Name()
	meter := otel.GetMeterProvider().Meter(kind.PkgPath(), metric.WithSchemaURL(semconv.SchemaURL))
	t := &telemetry{attributes: []attribute.KeyValue{
		semconv.OTelComponentTypeKey.String(component),
		semconv.OTelComponentName(fmt.Sprintf("%s/%d", component, exporters.Add(1)-1)),
	}}
	var errs [3]error
	t.inflight, errs[0] = otelconv.NewSDKExporterMetricDataPointInflight(meter)
	t.exported, errs[1] = otelconv.NewSDKExporterMetricDataPointExported(meter)
	t.duration, errs[2] = otelconv.NewSDKExporterOperationDuration(meter)
	return t, errors.Join(errs[:]...)
}

type operation struct {
	*telemetry
	ctx   context.Context
	start time.Time
}

func (t *telemetry) begin(ctx context.Context) operation {
	if t == nil {
		return operation{}
	}
	return operation{t, ctx, time.Now()}
}

func (o *operation) inFlight(points int) {
	if o.telemetry != nil {
		o.inflight.AddSet(o.ctx, int64(points), attribute.NewSet(o.attributes...))
	}
}

func (o *operation) end(points int, r *result) {
	if o.telemetry == nil {
		return
	}
	o.inFlight(-points)
	failed := o.attributes
	for _, outcome := range []struct {
		points uint32
		reason string
	}{
		{r.pointsExported, ""},
		{r.pointsInvalid, "invalid"},
		{r.pointsTooLarge, "too_large"},
		{r.pointsUnwritten, errorType(r.lastErrno)},
	} {
		if outcome.points == 0 {
			continue
		}
		attributes := o.attributes
		if outcome.reason != "" {
			attributes = append(attributes[:len(attributes):len(attributes)], semconv.ErrorTypeKey.String(outcome.reason))
			failed = attributes
		}
		o.exported.AddSet(o.ctx, int64(outcome.points), attribute.NewSet(attributes...))
	}
	o.duration.RecordSet(o.ctx, time.Since(o.start).Seconds(), attribute.NewSet(failed...))
}

func errorType(number int32) string {
	if number == 0 {
		return "_OTHER"
	}
	return syscall.Errno(number).Error()
}
