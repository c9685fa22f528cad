// SPDX-License-Identifier: Apache-2.0

// Package perftest writes rings as the kernel does, for tests.
package perftest

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"unsafe"

	"otelue.dev/collector/usereventsreceiver/internal/perf"
)

// Page is the size of the control page.
const Page = 4096

// Ring is both sides of a ring in memory.
type Ring struct {
	*perf.Ring
	mutex       sync.Mutex // kernel's side
	memory      []uint64   // aligned
	bytes       []byte
	lost        uint64 // all
	unreported  uint64 // that no record tells of yet
	running     atomic.Uint64
	isDead      atomic.Bool
	isDisabled  atomic.Bool
	CloseCalled atomic.Bool
}

// NewRing makes an empty ring of so many bytes.
func NewRing(size int) *Ring {
	memory := make([]uint64, (Page+size)/8)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&memory[0])), Page+size)
	return &Ring{Ring: perf.NewRing(bytes, Page), memory: memory, bytes: bytes}
}

func (r *Ring) head() *uint64 { return (*uint64)(unsafe.Pointer(&r.bytes[1024])) }
func (r *Ring) tail() *uint64 { return (*uint64)(unsafe.Pointer(&r.bytes[1032])) }

func (r *Ring) put(records ...[]byte) bool {
	data := r.bytes[Page:]
	need := 0
	for _, record := range records {
		need += len(record)
	}
	head := *r.head()
	// One byte stays free, as in the kernel.
	if head-atomic.LoadUint64(r.tail())+uint64(need) > uint64(len(data))-1 {
		return false
	}
	for _, record := range records {
		for _, b := range record {
			data[head&uint64(len(data)-1)] = b
			head++
		}
	}
	atomic.StoreUint64(r.head(), head)
	return true
}

// Write writes a sample, in front of which stands a record of what was lost before, or counts it as lost.
func (r *Ring) Write(pid, cpu uint32, time uint64, raw []byte) bool {
	if r.isDisabled.Load() || r.isDead.Load() {
		return false
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var records [][]byte
	if r.unreported > 0 {
		lost := make([]byte, 16)
		binary.NativeEndian.PutUint64(lost[8:], r.unreported)
		records = append(records, Record(perf.RecordLost, lost))
	}
	if !r.put(append(records, Record(perf.RecordSample, Sample(pid, cpu, time, raw)))...) {
		r.lost++
		r.unreported++
		return false
	}
	r.unreported = 0
	return true
}

// Counts implements a ring of the kernel. Time goes by with each call, while the processor is on.
func (r *Ring) Counts() (perf.Counts, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.isDead.Load() {
		r.running.Add(1)
	}
	return perf.Counts{Running: r.running.Load(), Lost: r.lost}, nil
}

// Lost returns what was lost so far.
func (r *Ring) Lost() uint64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.lost
}

// SwitchOff makes the ring one of a processor that is off.
func (r *Ring) SwitchOff() { r.isDead.Store(true) }

// Disable implements a ring of the kernel.
func (r *Ring) Disable() { r.isDisabled.Store(true) }

// Close implements a ring of the kernel.
func (r *Ring) Close() { r.CloseCalled.Store(true) }

// Record returns a record with its header, padded to eight bytes.
func Record(kind uint32, body []byte) []byte {
	size := (8 + len(body) + 7) &^ 7
	record := make([]byte, size)
	binary.NativeEndian.PutUint32(record, kind)
	binary.NativeEndian.PutUint16(record[6:], uint16(size))
	copy(record[8:], body)
	return record
}

// Sample returns the body of a sample. The raw data is padded as the kernel does it: with its size, to eight bytes.
func Sample(pid, cpu uint32, time uint64, raw []byte) []byte {
	size := (len(raw)+4+7)&^7 - 4
	body := make([]byte, 28+size)
	binary.NativeEndian.PutUint32(body, pid)
	binary.NativeEndian.PutUint32(body[4:], pid)
	binary.NativeEndian.PutUint64(body[8:], time)
	binary.NativeEndian.PutUint32(body[16:], cpu)
	binary.NativeEndian.PutUint32(body[24:], uint32(size))
	copy(body[28:], raw)
	return body
}

// Event returns the data of an event of otlp_metrics, as the format file Format describes it.
func Event(otlp []byte) []byte {
	raw := make([]byte, 24, 24+len(otlp))
	copy(raw[12:], "v0.19.00")
	binary.NativeEndian.PutUint32(raw[20:], uint32(len(otlp))<<16)
	return append(raw, otlp...)
}

// Format is what a kernel says of otlp_metrics.
const Format = `name: otlp_metrics
ID: 1514
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:u32 protocol;	offset:8;	size:4;	signed:0;
	field:char version[8];	offset:12;	size:8;	signed:1;
	field:__rel_loc u8[] buffer[4481824];	offset:20;	size:4;	signed:1;

print fmt: "protocol=%u version=%s buffer=%s", REC->protocol, REC->version, __get_rel_dynamic_array(buffer)
`
