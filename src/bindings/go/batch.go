// SPDX-License-Identifier: Apache-2.0

package otelue

import (
	"fmt"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// batch turns the SDK's collections into batches:
//
//	| header | points, and room for more | what stays: texts, attribute sets, scopes, metrics | bodies and exemplars |
//
// What stays is written once, and found by what it says. The rest is written in each cycle. When series that have gone
// pile up, or there are more points than there is room for, it starts over.
type batch struct {
	memory
	// encode makes an encoded set of attribute records, or returns nothing.
	encode func(m *memory, records ref) []byte
	// scratch is where attribute records are before they are encoded.
	scratch memory

	cycle  uint32
	points int // of this cycle
	recent int // a bound for the points of recent cycles
	room   int // for points
	stays  uint32

	sets      map[attribute.Distinct]attributeSet
	metrics   map[metricKey]*metricEntry
	scopes    map[scopeKey]uint32
	resources map[*resource.Resource]uint32
	// The bounds that the last histogram had, which the next one is likely to share.
	bounds    []float64
	boundsRef ref
}

type attributeSet struct {
	ref
	form uint16
}

type metricKey struct {
	name, description, unit  string
	scope, kind, temporality uint32
	isMonotonic              bool
	// Which one it is of several that say the same of themselves.
	number int
}

type metricEntry struct{ off, cycle uint32 }

type scopeKey struct {
	resource                 uint32
	name, version, schemaURL string
	attributes               attribute.Distinct
}

const (
	headerSize = int(unsafe.Sizeof(batchRecord{}))
	pointSize  = int(unsafe.Sizeof(pointRecord{}))
)

func (b *batch) startOver() {
	b.room = b.points + b.points/2 + 16
	b.used = 0
	b.reserve(headerSize+b.room*pointSize, 8)
	b.stays = b.used
	b.sets = make(map[attribute.Distinct]attributeSet)
	b.metrics = make(map[metricKey]*metricEntry)
	b.scopes = make(map[scopeKey]uint32)
	b.resources = make(map[*resource.Resource]uint32)
}

// build returns a batch that says what rm says, which holds until the next call, and an error for each metric that has
// no points that can be said.
func (b *batch) build(rm *metricdata.ResourceMetrics) (data []byte, errs []error) {
	b.points = 0
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			b.points += pointsOf(rm.ScopeMetrics[i].Metrics[j].Data)
		}
	}
	b.recent = max(b.points, b.recent/2)
	kept := len(b.sets) + len(b.metrics) + len(b.scopes) + len(b.resources)
	if b.points > b.room || kept > 2*b.recent+1000 || b.sets == nil {
		b.startOver()
	}
	b.cycle++
	b.used, b.bounds = b.stays, nil

	number := 0
	resourceOff := b.resource(rm.Resource)
	for i := range rm.ScopeMetrics {
		scope := b.scope(resourceOff, &rm.ScopeMetrics[i].Scope)
		for j := range rm.ScopeMetrics[i].Metrics {
			m := &rm.ScopeMetrics[i].Metrics[j]
			if err := b.metric(scope, m, number); err != nil {
				errs = append(errs, err)
			}
			number += pointsOf(m.Data)
		}
	}
	b.stays = b.used

	number = 0
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			m := &rm.ScopeMetrics[i].Metrics[j]
			b.bodies(m, number)
			number += pointsOf(m.Data)
		}
	}
	*at[batchRecord](&b.memory, 0) = batchRecord{
		magic:      batchMagic,
		version:    batchVersion,
		headerSize: uint16(headerSize),
		totalSize:  b.used,
		points:     ref{uint32(headerSize), uint32(b.points)},
	}
	return b.bytes()[:b.used], errs
}

func pointsOf(data metricdata.Aggregation) int {
	switch data := data.(type) {
	case metricdata.Gauge[int64]:
		return len(data.DataPoints)
	case metricdata.Gauge[float64]:
		return len(data.DataPoints)
	case metricdata.Sum[int64]:
		return len(data.DataPoints)
	case metricdata.Sum[float64]:
		return len(data.DataPoints)
	case metricdata.Histogram[int64]:
		return len(data.DataPoints)
	case metricdata.Histogram[float64]:
		return len(data.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		return len(data.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		return len(data.DataPoints)
	case metricdata.Summary:
		return len(data.DataPoints)
	default:
		return 0
	}
}

func (b *batch) resource(r *resource.Resource) uint32 {
	off, ok := b.resources[r]
	if !ok {
		off = put(&b.memory, resourceRecord{
			attributes: b.memory.set(r.Set()),
			schemaURL:  putText(&b.memory, r.SchemaURL()),
		}).off
		b.resources[r] = off
	}
	return off
}

func (b *batch) scope(resource uint32, s *instrumentation.Scope) uint32 {
	key := scopeKey{resource, s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
	off, ok := b.scopes[key]
	if !ok {
		off = put(&b.memory, scopeRecord{
			resource:   resource,
			name:       putText(&b.memory, s.Name),
			version:    putText(&b.memory, s.Version),
			schemaURL:  putText(&b.memory, s.SchemaURL),
			attributes: b.memory.set(&s.Attributes),
		}).off
		b.scopes[key] = off
	}
	return off
}

func (b *batch) metric(scope uint32, m *metricdata.Metrics, number int) error {
	key := metricKey{name: m.Name, description: m.Description, unit: m.Unit, scope: scope}
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		key.kind = kindGauge
		numbers(b, key, number, data.DataPoints)
	case metricdata.Gauge[float64]:
		key.kind = kindGauge
		numbers(b, key, number, data.DataPoints)
	case metricdata.Sum[int64]:
		key.kind, key.temporality, key.isMonotonic = kindSum, temporality(data.Temporality), data.IsMonotonic
		numbers(b, key, number, data.DataPoints)
	case metricdata.Sum[float64]:
		key.kind, key.temporality, key.isMonotonic = kindSum, temporality(data.Temporality), data.IsMonotonic
		numbers(b, key, number, data.DataPoints)
	case metricdata.Histogram[int64]:
		key.kind, key.temporality = kindHistogram, temporality(data.Temporality)
		histograms(b, key, number, data.DataPoints)
	case metricdata.Histogram[float64]:
		key.kind, key.temporality = kindHistogram, temporality(data.Temporality)
		histograms(b, key, number, data.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		key.kind, key.temporality = kindExponentialHistogram, temporality(data.Temporality)
		exponentialHistograms(b, key, number, data.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		key.kind, key.temporality = kindExponentialHistogram, temporality(data.Temporality)
		exponentialHistograms(b, key, number, data.DataPoints)
	case metricdata.Summary:
		key.kind = kindSummary
		summaries(b, key, number, data.DataPoints)
	default:
		return fmt.Errorf("otelue: metric %s has an unknown aggregation: %T", quoted(m.Name), m.Data)
	}
	return nil
}

func (b *batch) metricOff(key metricKey) uint32 {
	entry, ok := b.metrics[key]
	for ok && entry.cycle == b.cycle {
		key.number++
		entry, ok = b.metrics[key]
	}
	if !ok {
		record := metricRecord{
			scope:       key.scope,
			kind:        key.kind,
			name:        putText(&b.memory, key.name),
			description: putText(&b.memory, key.description),
			unit:        putText(&b.memory, key.unit),
			temporality: key.temporality,
		}
		if key.isMonotonic {
			record.isMonotonic = 1
		}
		entry = &metricEntry{off: put(&b.memory, record).off}
		b.metrics[key] = entry
	}
	entry.cycle = b.cycle
	return entry.off
}

func (b *batch) attributeSet(set *attribute.Set) attributeSet {
	key := set.Equivalent()
	found, ok := b.sets[key]
	if !ok {
		found = b.newSet(set)
		b.sets[key] = found
	}
	return found
}

func (b *batch) newSet(set *attribute.Set) attributeSet {
	b.scratch.used = 8 // an offset of 0 would say nothing
	b.scratch.reserve(0, 8)
	records := b.scratch.set(set)
	if records.len == 0 {
		return attributeSet{}
	}
	if encoded := b.encode(&b.scratch, records); len(encoded) > 0 {
		return attributeSet{putText(&b.memory, encoded), encodedAttributes}
	}
	return attributeSet{b.memory.set(set), attributeRecords}
}

func (b *batch) point(number int) *pointRecord {
	return at[pointRecord](&b.memory, uint32(headerSize+number*pointSize))
}

func numbers[N int64 | float64](b *batch, key metricKey, number int, points []metricdata.DataPoint[N]) {
	off, valueType := b.metricOff(key), typeOf[N]()
	for i := range points {
		p := &points[i]
		set := b.attributeSet(&p.Attributes)
		*b.point(number + i) = pointRecord{
			metric:            off,
			startTimeUnixNano: unixNano(p.StartTime),
			timeUnixNano:      unixNano(p.Time),
			attributes:        set.ref,
			attributesForm:    set.form,
			valueType:         valueType,
			asInt:             int64(p.Value),
			asDouble:          float64(p.Value),
		}
	}
}

func histograms[N int64 | float64](b *batch, key metricKey, number int, points []metricdata.HistogramDataPoint[N]) {
	off := b.metricOff(key)
	for i := range points {
		p := &points[i]
		b.setPoint(number+i, off, key.kind, &p.Attributes, p.StartTime, p.Time)
	}
}

func exponentialHistograms[N int64 | float64](
	b *batch, key metricKey, number int, points []metricdata.ExponentialHistogramDataPoint[N],
) {
	off := b.metricOff(key)
	for i := range points {
		p := &points[i]
		b.setPoint(number+i, off, key.kind, &p.Attributes, p.StartTime, p.Time)
	}
}

func summaries(b *batch, key metricKey, number int, points []metricdata.SummaryDataPoint) {
	off := b.metricOff(key)
	for i := range points {
		p := &points[i]
		b.setPoint(number+i, off, key.kind, &p.Attributes, p.StartTime, p.Time)
	}
}

// setPoint writes a point whose body follows.
func (b *batch) setPoint(number int, metric, kind uint32, attributes *attribute.Set, start, end time.Time) {
	set := b.attributeSet(attributes)
	*b.point(number) = pointRecord{
		metric:            metric,
		startTimeUnixNano: unixNano(start),
		timeUnixNano:      unixNano(end),
		attributes:        set.ref,
		attributesForm:    set.form,
		valueType:         uint16(kind),
	}
}
