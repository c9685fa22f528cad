// SPDX-License-Identifier: Apache-2.0

// Package otlp looks through encoded metrics before anything is decoded, because whoever may write to a tracepoint may
// write anything: two bytes can ask a decoder for a message of hundreds.
package otlp

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

const (
	// MaxMessages is how many messages an event may have, all levels together. What a writer can put into the 8168
	// bytes that a ring of perf takes is half of that, when each message has a field.
	MaxMessages = 8192
	// MaxDepth is how deep messages may be nested. Decoders that are generated from the schema end there too.
	MaxDepth = 100
)

// What can be the matter with a request.
var (
	ErrDamaged  = errors.New("no valid protobuf")
	ErrText     = errors.New("a text that is not UTF-8")
	ErrMessages = errors.New("too many messages")
	ErrDepth    = errors.New("messages that are nested too deep")
)

// Size is what a request would become.
type Size struct {
	Messages, Points int
}

// Check returns the size of an ExportMetricsServiceRequest, or what is the matter with it. It allocates nothing.
func Check(bytes []byte) (Size, error) {
	var size Size
	err := size.check(bytes, request, 1)
	return size, err
}

func (s *Size) check(bytes []byte, of *messageType, depth int) error {
	if s.Messages++; s.Messages > MaxMessages {
		return ErrMessages
	}
	if depth > MaxDepth {
		return ErrDepth
	}
	if isPoint(of) {
		s.Points++
	}
	for len(bytes) > 0 {
		tag, n := number(bytes)
		if n == 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return ErrDamaged
		}
		bytes = bytes[n:]
		var known field
		if tag>>3 < uint64(len(of.fields)) {
			known = of.fields[tag>>3]
		}
		if !fits(known.kind, tag&7) {
			return ErrDamaged
		}
		switch tag & 7 {
		case 0:
			_, n = number(bytes)
		case 1:
			n = 8
		case 5:
			n = 4
		case 2:
			length, prefix := number(bytes)
			if prefix == 0 || length > uint64(len(bytes)-prefix) {
				return ErrDamaged
			}
			n = prefix + int(length)
			if err := s.content(bytes[prefix:n], known, depth); err != nil {
				return err
			}
		default:
			n = 0 // groups, which OTLP never had
		}
		if n == 0 || n > len(bytes) {
			return ErrDamaged
		}
		bytes = bytes[n:]
	}
	return nil
}

func (s *Size) content(bytes []byte, known field, depth int) error {
	switch known.kind {
	case message:
		return s.check(bytes, known.of, depth+1)
	case text:
		if !utf8.Valid(bytes) {
			return ErrText
		}
	case fixed64s:
		if len(bytes)%8 != 0 {
			return ErrDamaged
		}
	case varints:
		for len(bytes) > 0 {
			_, n := number(bytes)
			if n == 0 {
				return ErrDamaged
			}
			bytes = bytes[n:]
		}
	}
	return nil
}

// fits is strict where a known field has another wire type: decoders differ on whether that is an unknown field.
func fits(known kind, wire uint64) bool {
	switch known {
	case varint:
		return wire == 0
	case fixed64:
		return wire == 1
	case fixed32:
		return wire == 5
	case text, octets, message:
		return wire == 2
	case varints:
		return wire == 0 || wire == 2
	case fixed64s:
		return wire == 1 || wire == 2
	}
	return true
}

// number reads a varint, and returns its length: 0 when it does not end, or does not fit.
func number(bytes []byte) (uint64, int) {
	if len(bytes) > 0 && bytes[0] < 0x80 {
		return uint64(bytes[0]), 1
	}
	value, n := binary.Uvarint(bytes)
	return value, max(n, 0)
}
