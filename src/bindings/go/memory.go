// SPDX-License-Identifier: Apache-2.0

package otelue

import (
	"errors"
	"math"
	"sync"
	"unicode/utf8"
	"unsafe"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
)

var errTooLarge = errors.New("the collection does not fit into a batch")

// memory is what a batch is built in: bytes of which the first `used` are taken. It holds no Go pointers.
type memory struct {
	words []uint64 // so that records are aligned
	used  uint32
	// Attributes and values whose containers are not complete yet.
	attributesAside []attributeRecord
	valuesAside     []value
}

func (m *memory) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(m.words))), 8*len(m.words))
}

// reserve returns the offset of so many bytes behind those that are taken; they hold anything. Pointers into the memory
// are void after it.
func (m *memory) reserve(size, align int) uint32 {
	at := (int(m.used) + align - 1) &^ (align - 1)
	if size > math.MaxUint32-at {
		panic(errTooLarge)
	}
	m.used = uint32(at + size)
	if words := (at + size + 7) / 8; words > len(m.words) {
		grown := make([]uint64, max(words, 2*len(m.words), 512))
		copy(grown, m.words)
		m.words = grown
	}
	return uint32(at)
}

// at returns the record at an offset, which holds until something is reserved.
func at[T any](m *memory, off uint32) *T {
	return (*T)(unsafe.Pointer(&m.bytes()[off]))
}

// put appends records or numbers.
func put[T any](m *memory, values ...T) ref {
	if len(values) == 0 {
		return ref{}
	}
	off := m.reserve(len(values)*int(unsafe.Sizeof(values[0])), 8)
	copy(unsafe.Slice(at[T](m, off), len(values)), values)
	return ref{off, uint32(len(values))}
}

func putText[T ~string | ~[]byte](m *memory, text T) ref {
	if len(text) == 0 {
		return ref{}
	}
	off := m.reserve(len(text), 1)
	copy(m.bytes()[off:], text)
	return ref{off, uint32(len(text))}
}

// The library sends a container inside so many others as an empty value, so its elements need not be there.
const depthLimit = 64

// attributes appends attribute records, which `next` returns until there are no more. It leaves out those whose key is
// not UTF-8, which would cost their point.
func (m *memory) attributes(depth int, next func() (attribute.KeyValue, bool)) ref {
	start := len(m.attributesAside)
	for kv, ok := next(); ok; kv, ok = next() {
		if !utf8.ValidString(string(kv.Key)) {
			reportBadKey(kv.Key)
			continue
		}
		record := attributeRecord{putText(m, kv.Key), m.value(depth, kv.Value)}
		m.attributesAside = append(m.attributesAside, record)
	}
	found := put(m, m.attributesAside[start:]...)
	m.attributesAside = m.attributesAside[:start]
	return found
}

var badKey sync.Once

func reportBadKey(key attribute.Key) {
	badKey.Do(func() {
		otel.Handle(errors.New("otelue: attributes whose key is not UTF-8 are dropped, first " + quoted(key)))
	})
}

func (m *memory) set(set *attribute.Set) ref {
	iterator := set.Iter()
	return m.attributes(0, func() (kv attribute.KeyValue, ok bool) {
		if ok = iterator.Next(); ok {
			kv = iterator.Attribute()
		}
		return kv, ok
	})
}

func (m *memory) keyValues(depth int, kvs []attribute.KeyValue) ref {
	return m.attributes(depth, func() (kv attribute.KeyValue, ok bool) {
		if ok = len(kvs) > 0; ok {
			kv, kvs = kvs[0], kvs[1:]
		}
		return kv, ok
	})
}

func (m *memory) value(depth int, v attribute.Value) value {
	switch v.Type() {
	case attribute.EMPTY:
		return value{typ: valueEmpty}
	case attribute.BOOL:
		return boolValue(v.AsBool())
	case attribute.INT64:
		return intValue(v.AsInt64())
	case attribute.FLOAT64:
		return doubleValue(v.AsFloat64())
	case attribute.STRING:
		return m.stringValue(v.AsString())
	case attribute.BYTESLICE:
		return reference(valueBytes, putText(m, v.AsByteSlice()))
	case attribute.BOOLSLICE:
		return array(m, v.AsBoolSlice(), boolValue)
	case attribute.INT64SLICE:
		return array(m, v.AsInt64Slice(), intValue)
	case attribute.FLOAT64SLICE:
		return array(m, v.AsFloat64Slice(), doubleValue)
	case attribute.STRINGSLICE:
		return array(m, v.AsStringSlice(), m.stringValue)
	case attribute.SLICE:
		if depth == depthLimit {
			return placeholder(m, valueArray, len(v.AsSlice()))
		}
		return array(m, v.AsSlice(), func(element attribute.Value) value { return m.value(depth+1, element) })
	case attribute.MAP:
		if depth == depthLimit {
			return placeholder(m, valueKvlist, len(v.AsMap()))
		}
		return reference(valueKvlist, m.keyValues(depth+1, v.AsMap()))
	default: // as the SDK's own encoder does
		return m.stringValue("INVALID")
	}
}

func boolValue(v bool) value {
	if v {
		return value{typ: valueBool, bits: 1}
	}
	return value{typ: valueBool}
}

func intValue(v int64) value { return value{typ: valueInt, bits: uint64(v)} }

func doubleValue(v float64) value { return value{typ: valueDouble, bits: math.Float64bits(v)} }

func (m *memory) stringValue(v string) value { return reference(valueString, putText(m, v)) }

func reference(typ uint32, to ref) value {
	return value{typ: typ, len: to.len, bits: uint64(to.off)}
}

func array[T any](m *memory, elements []T, convert func(T) value) value {
	start := len(m.valuesAside)
	for _, element := range elements {
		converted := convert(element)
		m.valuesAside = append(m.valuesAside, converted)
	}
	found := put(m, m.valuesAside[start:]...)
	m.valuesAside = m.valuesAside[:start]
	return reference(valueArray, found)
}

// placeholder stands for elements that are too deep: one of them, empty, if there are any.
func placeholder(m *memory, typ uint32, elements int) value {
	if elements == 0 {
		return value{typ: typ}
	}
	found := put(m, attributeRecord{})
	return reference(typ, found)
}
