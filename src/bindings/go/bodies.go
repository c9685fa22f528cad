// SPDX-License-Identifier: Apache-2.0

package otelue

import (
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// What points refer to and the next cycle does not keep: the bodies of histograms and summaries, and exemplars.

func (b *batch) bodies(m *metricdata.Metrics, number int) {
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		numberExemplars(b, number, data.DataPoints)
	case metricdata.Gauge[float64]:
		numberExemplars(b, number, data.DataPoints)
	case metricdata.Sum[int64]:
		numberExemplars(b, number, data.DataPoints)
	case metricdata.Sum[float64]:
		numberExemplars(b, number, data.DataPoints)
	case metricdata.Histogram[int64]:
		histogramBodies(b, number, data.DataPoints)
	case metricdata.Histogram[float64]:
		histogramBodies(b, number, data.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		exponentialHistogramBodies(b, number, data.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		exponentialHistogramBodies(b, number, data.DataPoints)
	case metricdata.Summary:
		summaryBodies(b, number, data.DataPoints)
	}
}

func numberExemplars[N int64 | float64](b *batch, number int, points []metricdata.DataPoint[N]) {
	for i := range points {
		exemplars(b, number+i, points[i].Exemplars)
	}
}

func histogramBodies[N int64 | float64](b *batch, number int, points []metricdata.HistogramDataPoint[N]) {
	for i := range points {
		p := &points[i]
		record := histogramRecord{
			count:          p.Count,
			sum:            float64(p.Sum),
			has:            hasSum,
			explicitBounds: b.putBounds(p.Bounds),
			bucketCounts:   put(&b.memory, p.BucketCounts...),
		}
		record.min, record.max = extrema(p.Min, p.Max, &record.has)
		body := put(&b.memory, record).off
		b.point(number + i).body = body
		exemplars(b, number+i, p.Exemplars)
	}
}

func (b *batch) putBounds(bounds []float64) ref {
	if len(bounds) != len(b.bounds) || unsafe.SliceData(bounds) != unsafe.SliceData(b.bounds) {
		b.bounds, b.boundsRef = bounds, put(&b.memory, bounds...)
	}
	return b.boundsRef
}

func exponentialHistogramBodies[N int64 | float64](
	b *batch, number int, points []metricdata.ExponentialHistogramDataPoint[N],
) {
	for i := range points {
		p := &points[i]
		record := exponentialHistogramRecord{
			count:          p.Count,
			sum:            float64(p.Sum),
			has:            hasSum | hasPositive | hasNegative,
			scale:          p.Scale,
			zeroCount:      p.ZeroCount,
			zeroThreshold:  p.ZeroThreshold,
			positiveOffset: p.PositiveBucket.Offset,
			negativeOffset: p.NegativeBucket.Offset,
			positive:       put(&b.memory, p.PositiveBucket.Counts...),
			negative:       put(&b.memory, p.NegativeBucket.Counts...),
		}
		record.min, record.max = extrema(p.Min, p.Max, &record.has)
		body := put(&b.memory, record).off
		b.point(number + i).body = body
		exemplars(b, number+i, p.Exemplars)
	}
}

func summaryBodies(b *batch, number int, points []metricdata.SummaryDataPoint) {
	for i := range points {
		p := &points[i]
		record := summaryRecord{count: p.Count, sum: p.Sum}
		if len(p.QuantileValues) > 0 {
			size := int(unsafe.Sizeof(quantileRecord{}))
			off := b.reserve(len(p.QuantileValues)*size, 8)
			for k, q := range p.QuantileValues {
				*at[quantileRecord](&b.memory, off+uint32(k*size)) = quantileRecord{q.Quantile, q.Value}
			}
			record.quantiles = ref{off, uint32(len(p.QuantileValues))}
		}
		body := put(&b.memory, record).off
		b.point(number + i).body = body
	}
}

func exemplars[N int64 | float64](b *batch, number int, some []metricdata.Exemplar[N]) {
	if len(some) == 0 {
		return
	}
	size := int(unsafe.Sizeof(exemplarRecord{}))
	off := b.reserve(len(some)*size, 8)
	for i := range some {
		e := &some[i]
		record := exemplarRecord{
			timeUnixNano:       unixNano(e.Time),
			valueType:          uint32(typeOf[N]()),
			asInt:              int64(e.Value),
			asDouble:           float64(e.Value),
			filteredAttributes: b.keyValues(0, e.FilteredAttributes),
		}
		// Decoders refuse whole requests for ids of another length.
		if len(e.TraceID) == len(record.traceID) {
			record.has |= hasTraceID
			copy(record.traceID[:], e.TraceID)
		}
		if len(e.SpanID) == len(record.spanID) {
			record.has |= hasSpanID
			copy(record.spanID[:], e.SpanID)
		}
		*at[exemplarRecord](&b.memory, off+uint32(i*size)) = record
	}
	b.point(number).exemplars = ref{off, uint32(len(some))}
}

func typeOf[N int64 | float64]() uint16 {
	if _, ok := any(*new(N)).(int64); ok {
		return valueInt
	}
	return valueDouble
}

func temporality(t metricdata.Temporality) uint32 {
	switch t {
	case metricdata.DeltaTemporality:
		return temporalityDelta
	case metricdata.CumulativeTemporality:
		return temporalityCumulative
	default:
		return 0 // which the library refuses
	}
}

func extrema[N int64 | float64](low, high metricdata.Extrema[N], has *uint32) (minimum, maximum float64) {
	if v, ok := low.Value(); ok {
		minimum, *has = float64(v), *has|hasMin
	}
	if v, ok := high.Value(); ok {
		maximum, *has = float64(v), *has|hasMax
	}
	return minimum, maximum
}

func unixNano(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) }
