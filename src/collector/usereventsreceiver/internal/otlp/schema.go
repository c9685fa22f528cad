// SPDX-License-Identifier: Apache-2.0

package otlp

// What a field holds, as far as a decoder cares.
type kind uint8

const (
	none    kind = iota // unknown: passed over
	varint              // any wire type 0
	fixed32             // wire type 5
	fixed64             // wire type 1
	text                // UTF-8
	octets
	message
	varints  // packed or not
	fixed64s // packed or not
)

type field struct {
	kind kind
	of   *messageType
}

// messageType has a field for each number up to the largest.
type messageType struct {
	fields []field
}

func messageOf(fields map[int]field) *messageType {
	largest := 0
	for number := range fields {
		largest = max(largest, number)
	}
	t := &messageType{make([]field, largest+1)}
	for number, field := range fields {
		t.fields[number] = field
	}
	return t
}

func sub(of *messageType) field { return field{message, of} }

// The messages of ExportMetricsServiceRequest (opentelemetry/proto 1.x).
var (
	anyValue  = &messageType{}
	keyValue  = messageOf(map[int]field{1: {kind: text}, 2: sub(anyValue), 3: {kind: varint}})
	array     = messageOf(map[int]field{1: sub(anyValue)})
	keyValues = messageOf(map[int]field{1: sub(keyValue)})
	entityRef = messageOf(map[int]field{1: {kind: text}, 2: {kind: text}, 3: {kind: text}, 4: {kind: text}})
	resource  = messageOf(map[int]field{1: sub(keyValue), 2: {kind: varint}, 3: sub(entityRef)})
	scope     = messageOf(map[int]field{1: {kind: text}, 2: {kind: text}, 3: sub(keyValue), 4: {kind: varint}})
	exemplar  = messageOf(map[int]field{
		2: {kind: fixed64}, 3: {kind: fixed64}, 4: {kind: octets}, 5: {kind: octets}, 6: {kind: fixed64}, 7: sub(keyValue),
	})
	numberPoint = messageOf(map[int]field{
		2: {kind: fixed64}, 3: {kind: fixed64}, 4: {kind: fixed64}, 5: sub(exemplar), 6: {kind: fixed64}, 7: sub(keyValue),
		8: {kind: varint},
	})
	histogramPoint = messageOf(map[int]field{
		2: {kind: fixed64}, 3: {kind: fixed64}, 4: {kind: fixed64}, 5: {kind: fixed64}, 6: {kind: fixed64s},
		7: {kind: fixed64s}, 8: sub(exemplar), 9: sub(keyValue), 10: {kind: varint}, 11: {kind: fixed64},
		12: {kind: fixed64},
	})
	buckets          = messageOf(map[int]field{1: {kind: varint}, 2: {kind: varints}})
	exponentialPoint = messageOf(map[int]field{
		1: sub(keyValue), 2: {kind: fixed64}, 3: {kind: fixed64}, 4: {kind: fixed64}, 5: {kind: fixed64}, 6: {kind: varint},
		7: {kind: fixed64}, 8: sub(buckets), 9: sub(buckets), 10: {kind: varint}, 11: sub(exemplar), 12: {kind: fixed64},
		13: {kind: fixed64}, 14: {kind: fixed64},
	})
	quantile     = messageOf(map[int]field{1: {kind: fixed64}, 2: {kind: fixed64}})
	summaryPoint = messageOf(map[int]field{
		2: {kind: fixed64}, 3: {kind: fixed64}, 4: {kind: fixed64}, 5: {kind: fixed64}, 6: sub(quantile), 7: sub(keyValue),
		8: {kind: varint},
	})
	gauge       = messageOf(map[int]field{1: sub(numberPoint)})
	sum         = messageOf(map[int]field{1: sub(numberPoint), 2: {kind: varint}, 3: {kind: varint}})
	histogram   = messageOf(map[int]field{1: sub(histogramPoint), 2: {kind: varint}})
	exponential = messageOf(map[int]field{1: sub(exponentialPoint), 2: {kind: varint}})
	summary     = messageOf(map[int]field{1: sub(summaryPoint)})
	metric      = messageOf(map[int]field{
		1: {kind: text}, 2: {kind: text}, 3: {kind: text}, 5: sub(gauge), 7: sub(sum), 9: sub(histogram),
		10: sub(exponential), 11: sub(summary), 12: sub(keyValue),
	})
	scopeMetrics    = messageOf(map[int]field{1: sub(scope), 2: sub(metric), 3: {kind: text}})
	resourceMetrics = messageOf(map[int]field{1: sub(resource), 2: sub(scopeMetrics), 3: {kind: text}, 1000: {kind: none}})
	request         = messageOf(map[int]field{1: sub(resourceMetrics)})
)

func init() {
	*anyValue = *messageOf(map[int]field{
		1: {kind: text}, 2: {kind: varint}, 3: {kind: varint}, 4: {kind: fixed64}, 5: sub(array), 6: sub(keyValues),
		7: {kind: octets}, 8: {kind: varint},
	})
}

func isPoint(t *messageType) bool {
	return t == numberPoint || t == histogramPoint || t == exponentialPoint || t == summaryPoint
}
