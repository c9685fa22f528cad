// SPDX-License-Identifier: Apache-2.0

// Package tracepoint finds tracepoints of user_events, reads their format and their events, and registers them.
package tracepoint

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// Format says where the fields of an event are.
type Format struct {
	ID                        int
	protocol, version, buffer int
}

// ErrFormat is for a tracepoint that has other fields.
var ErrFormat = errors.New("it has other fields than protocol, version and buffer")

// ParseFormat reads a format file of tracefs. Sizes in brackets are not to be relied upon there.
func ParseFormat(text string) (Format, error) {
	f := Format{-1, -1, -1, -1}
	fields := map[string]struct {
		size int
		at   *int
	}{"protocol": {4, &f.protocol}, "version": {8, &f.version}, "buffer": {4, &f.buffer}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if id, ok := strings.CutPrefix(line, "ID:"); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(id), 10, 16); err == nil {
				f.ID = int(n)
			}
			continue
		}
		declaration, ok := strings.CutPrefix(line, "field:")
		if !ok {
			continue
		}
		declaration, rest, _ := strings.Cut(declaration, ";")
		name, _, _ := strings.Cut(declaration[strings.LastIndexByte(declaration, ' ')+1:], "[")
		field, ok := fields[name]
		if !ok || *field.at >= 0 || property(rest, "size") != field.size {
			continue
		}
		*field.at = property(rest, "offset")
	}
	if f.ID < 0 || f.protocol < 0 || f.version < 0 || f.buffer < 0 {
		return Format{}, ErrFormat
	}
	return f, nil
}

func property(properties, name string) int {
	for property := range strings.SplitSeq(properties, ";") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(property), name+":"); ok {
			if n, err := strconv.ParseUint(value, 10, 16); err == nil {
				return int(n)
			}
		}
	}
	return -1
}

// What can be the matter with an event.
var (
	ErrShort    = errors.New("too short")
	ErrProtocol = errors.New("another protocol than protobuf")
	ErrVersion  = errors.New("a version of OTLP that is not compatible")
	ErrBounds   = errors.New("its buffer ends outside of it")
)

// Payload returns the OTLP of an event, a part of raw.
func (f *Format) Payload(raw []byte) ([]byte, error) {
	if len(raw) < f.protocol+4 || len(raw) < f.version+8 || len(raw) < f.buffer+4 {
		return nil, ErrShort
	}
	if binary.NativeEndian.Uint32(raw[f.protocol:]) != 0 {
		return nil, ErrProtocol
	}
	if !isCompatible(raw[f.version : f.version+8]) {
		return nil, ErrVersion
	}
	// Not the rest of the record: perf pads it.
	location := binary.NativeEndian.Uint32(raw[f.buffer:])
	begin := f.buffer + 4 + int(location&0xffff)
	end := begin + int(location>>16)
	if end > len(raw) {
		return nil, ErrBounds
	}
	return raw[begin:end], nil
}

// isCompatible accepts v0.19.00, from which on metrics of OTLP only grow, up to the next major version.
func isCompatible(version []byte) bool {
	if string(version) == "v0.19.00" {
		return true
	}
	text := strings.TrimRight(string(version), "\x00")
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if text == "" || text[0] != 'v' || len(parts) != 3 {
		return false
	}
	var numbers [3]uint64
	for i, part := range parts {
		var err error
		if numbers[i], err = strconv.ParseUint(part, 10, 16); err != nil {
			return false
		}
	}
	return numbers[0] == 1 || numbers[0] == 0 && numbers[1] >= 19
}
