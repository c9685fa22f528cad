// SPDX-License-Identifier: Apache-2.0

// Package perf reads the rings into which the kernel writes the events of a tracepoint.
package perf

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// What a record is; there are more, which a reader of tracepoints can pass over.
const (
	RecordLost   = 2 // PERF_RECORD_LOST
	RecordSample = 9 // PERF_RECORD_SAMPLE
)

// Where the control page says how far each side is (struct perf_event_mmap_page).
const (
	headAt      = 1024
	tailAt      = 1032
	controlSize = 1088
)

const headerSize = 8

// Record is what the kernel writes for an event, among others. Its body is valid until the next Pop.
type Record struct {
	Type uint32
	Time uint64 // CLOCK_MONOTONIC; 0: not a sample
	Body []byte
}

// Sample is the body of a record of the type RecordSample.
type Sample struct {
	PID, TID uint32
	Time     uint64
	CPU      uint32
	Raw      []byte // padded
}

const sampleSize = 28

// ParseSample returns false for a body that does not hold what it says.
func ParseSample(body []byte) (Sample, bool) {
	if len(body) < sampleSize {
		return Sample{}, false
	}
	size := binary.NativeEndian.Uint32(body[24:])
	if uint64(size) > uint64(len(body)-sampleSize) {
		return Sample{}, false
	}
	return Sample{
		PID:  binary.NativeEndian.Uint32(body),
		TID:  binary.NativeEndian.Uint32(body[4:]),
		Time: binary.NativeEndian.Uint64(body[8:]),
		CPU:  binary.NativeEndian.Uint32(body[16:]),
		Raw:  body[sampleSize : sampleSize+int(size)],
	}, true
}

// Ring is the reading side of a ring in memory: a control page, and data whose size is a power of two.
type Ring struct {
	head, tail *uint64 // in the control page: the kernel's side, and this one
	data       []byte
	seen       uint64 // up to where the kernel had written at the last Look
	record     Record
	size       uint64 // of the record at hand; 0: none is
	damaged    uint64
	wrapped    []byte // the record at hand, when it lies around the ring's end
}

// NewRing reads what is in memory, which begins with a control page of so many bytes. It returns nil when that is none.
func NewRing(memory []byte, page int) *Ring {
	size := len(memory) - page
	if page < controlSize || size < headerSize || size&(size-1) != 0 || uintptr(unsafe.Pointer(&memory[0]))%8 != 0 {
		return nil
	}
	return &Ring{
		head: (*uint64)(unsafe.Pointer(&memory[headAt])),
		tail: (*uint64)(unsafe.Pointer(&memory[tailAt])),
		data: memory[page:],
	}
}

// Look makes Peek see what has come until now.
func (r *Ring) Look() {
	// Acquires what the kernel has written before it moved the head.
	r.seen = atomic.LoadUint64(r.head)
}

// IsFilling says whether the last Look found more than half of the ring in use.
func (r *Ring) IsFilling() bool { return r.seen-*r.tail > uint64(len(r.data))/2 }

// Damaged returns how often what was in the ring made no sense and was passed over.
func (r *Ring) Damaged() uint64 { return r.damaged }

func (r *Ring) view(from, size uint64) []byte {
	at := from & uint64(len(r.data)-1)
	if size <= uint64(len(r.data))-at {
		return r.data[at : at+size]
	}
	r.wrapped = append(r.wrapped[:0], r.data[at:]...)
	r.wrapped = append(r.wrapped, r.data[:size-uint64(len(r.wrapped))]...)
	return r.wrapped
}

// Peek returns the oldest record, until Pop, or nil.
func (r *Ring) Peek() *Record {
	if r.size != 0 {
		return &r.record
	}
	tail := *r.tail // nobody else writes it
	there := r.seen - tail
	if there == 0 {
		return nil
	}
	if there > uint64(len(r.data)) || there < headerSize {
		return r.skip()
	}
	header := r.view(tail, headerSize)
	kind, size := binary.NativeEndian.Uint32(header), uint64(binary.NativeEndian.Uint16(header[6:]))
	if size < headerSize || size > there {
		return r.skip()
	}
	r.size = size
	r.record = Record{Type: kind, Body: r.view(tail, size)[headerSize:]}
	if kind == RecordSample && len(r.record.Body) >= sampleSize {
		r.record.Time = binary.NativeEndian.Uint64(r.record.Body[8:])
	}
	return &r.record
}

// skip gives up what lies between the two sides: where a record begins cannot be known any more.
func (r *Ring) skip() *Record {
	r.damaged++
	atomic.StoreUint64(r.tail, r.seen)
	return nil
}

// Pop gives the record at hand back to the kernel.
func (r *Ring) Pop() {
	// Releases the bytes once they are read.
	atomic.StoreUint64(r.tail, *r.tail+r.size)
	r.size = 0
}
