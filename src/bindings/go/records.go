// SPDX-License-Identifier: Apache-2.0

package otelue

//lint:file-ignore U1000 records have all fields that they have in C

// The records of a batch, as otelue/records.h lays them out. layout_test.go compares them with layout.json.

type ref struct{ off, len uint32 }

type value struct {
	typ, len uint32
	bits     uint64
}

type attributeRecord struct {
	key   ref
	value value
}

type resourceRecord struct {
	attributes, schemaURL, entityRefs ref
	droppedAttributesCount, reserved0 uint32
	reserved1                         uint64
}

type scopeRecord struct {
	resource, droppedAttributesCount     uint32
	name, version, schemaURL, attributes ref
	reserved                             uint64
}

type metricRecord struct {
	scope, kind                       uint32
	name, description, unit, metadata ref
	temporality, isMonotonic          uint32
	reserved                          uint64
}

type pointRecord struct {
	metric, flags                   uint32
	startTimeUnixNano, timeUnixNano uint64
	attributes, exemplars           ref
	valueType, attributesForm       uint16
	body                            uint32
	asInt                           int64
	asDouble                        float64
}

type histogramRecord struct {
	count                        uint64
	sum, min, max                float64
	has, reserved0               uint32
	explicitBounds, bucketCounts ref
	reserved1                    uint64
}

type exponentialHistogramRecord struct {
	count                          uint64
	sum, min, max                  float64
	has                            uint32
	scale                          int32
	zeroCount                      uint64
	zeroThreshold                  float64
	positiveOffset, negativeOffset int32
	positive, negative             ref
	reserved                       [2]uint64
}

type quantileRecord struct{ quantile, value float64 }

type summaryRecord struct {
	count     uint64
	sum       float64
	quantiles ref
	reserved  uint64
}

type exemplarRecord struct {
	timeUnixNano       uint64
	valueType, has     uint32
	asInt              int64
	asDouble           float64
	traceID            [16]uint8
	spanID             [8]uint8
	filteredAttributes ref
}

type batchRecord struct {
	magic               uint32
	version, headerSize uint16
	totalSize, flags    uint32
	points              ref
	resource, reserved  uint32
}

// What the functions take, as in otelue/otelue.h.

type options struct {
	structSize, flags                         uint32
	targetEventBytes, maxEventBytes           uint32
	packing                                   uint32
	pacingBytes, pacingMicroseconds, reserved uint32
}

type result struct {
	structSize, listening                                      uint32
	pointsTotal, pointsExported, pointsInvalid, pointsTooLarge uint32
	pointsUnwritten, pointsUnheard                             uint32
	stringsAsBytes, valuesEmptied, exemplarsDropped, events    uint32
	bytes                                                      uint64
	firstBadPoint, firstBadReason                              uint32
	lastErrno                                                  int32
	step                                                       uint32
}

type status struct {
	structSize, registered, enabled, heardHere, step uint32
	lastErrno                                        int32
	message                                          [240]byte
}

// Statistics are totals of all exports of an Exporter.
type Statistics struct {
	structSize, reserved uint32
	// Exports is the number of exports that the library saw while somebody listened, ExportsRefused that of those that
	// it refused as a whole, and ExportsUnheard that of those during which the listener left.
	Exports, ExportsRefused, ExportsUnheard uint64
	// PointsTotal is the sum of the five below.
	PointsTotal uint64
	// PointsExported are in events that the kernel took.
	PointsExported uint64
	// PointsInvalid and PointsTooLarge were refused, PointsUnwritten are in events that the kernel refused, and
	// PointsUnheard were not written because the listener had left.
	PointsInvalid, PointsTooLarge, PointsUnwritten, PointsUnheard uint64
	// StringsAsBytes are attribute values that are not UTF-8, sent as bytes. ValuesEmptied are attribute values nested
	// too deep, sent as empty ones. ExemplarsDropped did not fit into the event of their point.
	StringsAsBytes, ValuesEmptied, ExemplarsDropped uint64
	// Events is the number of events, and Bytes that of the bytes of OTLP in them.
	Events, Bytes uint64
	// Registrations is how often the tracepoint was registered.
	Registrations uint64
}

const (
	batchMagic   = 0x4555544F
	batchVersion = 1
)

// otelue_value_type
const (
	valueEmpty = iota
	valueString
	valueBool
	valueInt
	valueDouble
	valueArray
	valueKvlist
	valueBytes
)

// otelue_metric_kind
const (
	kindGauge                = 5
	kindSum                  = 7
	kindHistogram            = 9
	kindExponentialHistogram = 10
	kindSummary              = 11
)

// otelue_temporality, which is numbered the other way round than the SDK's.
const (
	temporalityDelta      = 1
	temporalityCumulative = 2
)

// otelue_attributes_form
const (
	attributeRecords  = 0
	encodedAttributes = 1
)

// otelue_has
const (
	hasSum = 1 << iota
	hasMin
	hasMax
	hasPositive
	hasNegative
	hasTraceID
	hasSpanID
)

// otelue_step
const stepRegistered = 0

const encodedAttributesMax = 8200
