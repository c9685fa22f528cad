// SPDX-License-Identifier: Apache-2.0

package perf_test

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"otelue.dev/collector/usereventsreceiver/internal/perf"
	"otelue.dev/collector/usereventsreceiver/internal/perftest"
)

func TestRecordsOfAllSizesGoRoundTheRing(t *testing.T) {
	ring := perftest.NewRing(4096)
	for number := range 5000 {
		raw := make([]byte, number%700)
		for i := range raw {
			raw[i] = byte(number + i)
		}
		require.True(t, ring.Write(uint32(number), 3, uint64(number), raw))
		assert.Nil(t, ring.Peek(), "before a look")
		ring.Look()
		record := ring.Peek()
		require.NotNil(t, record)
		require.Same(t, record, ring.Peek())
		require.EqualValues(t, perf.RecordSample, record.Type)
		require.EqualValues(t, number, record.Time)
		sample, ok := perf.ParseSample(record.Body)
		require.True(t, ok)
		require.EqualValues(t, number, sample.PID)
		require.EqualValues(t, 3, sample.CPU)
		require.Equal(t, raw, sample.Raw[:len(raw)])
		ring.Pop()
		require.Nil(t, ring.Peek())
	}
	assert.Zero(t, ring.Damaged())
}

func TestARecordTellsOfLosses(t *testing.T) {
	ring := perftest.NewRing(4096)
	for ring.Write(1, 0, 1, make([]byte, 100)) {
	}
	ring.Look()
	for ring.Peek() != nil {
		ring.Pop()
	}
	require.True(t, ring.Write(1, 0, 2, nil))
	ring.Look()
	require.EqualValues(t, perf.RecordLost, ring.Peek().Type)
	assert.EqualValues(t, 1, binary.NativeEndian.Uint64(ring.Peek().Body[8:]))
	assert.Zero(t, ring.Peek().Time, "it goes first")
	ring.Pop()
	assert.EqualValues(t, perf.RecordSample, ring.Peek().Type)
	assert.EqualValues(t, 1, ring.Lost())
}

func TestMemoryThatIsNoRing(t *testing.T) {
	memory := make([]uint64, 2048)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&memory[0])), len(memory)*8)
	assert.NotNil(t, perf.NewRing(bytes[:8192], 4096))
	assert.Nil(t, perf.NewRing(bytes[:8191], 4096))
	assert.Nil(t, perf.NewRing(bytes[:4096], 4096))
	assert.Nil(t, perf.NewRing(bytes[1:8193], 4096))
	assert.Nil(t, perf.NewRing(bytes[:8192], 1024))
}

func FuzzRing(f *testing.F) {
	sample := perftest.Record(perf.RecordSample, perftest.Sample(1, 0, 5, []byte("raw")))
	f.Add(uint64(0), uint64(len(sample)), sample)
	f.Add(uint64(4090), uint64(4090+len(sample)), sample)
	f.Add(uint64(8), uint64(0), sample)
	f.Add(uint64(0), uint64(1)<<63, sample)
	f.Fuzz(func(t *testing.T, tail, head uint64, data []byte) {
		memory := make([]uint64, 1024)
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(&memory[0])), 8192)
		binary.NativeEndian.PutUint64(bytes[1024:], head)
		binary.NativeEndian.PutUint64(bytes[1032:], tail)
		for i, b := range data {
			bytes[4096+(tail+uint64(i))%4096] = b
		}
		ring := perf.NewRing(bytes, 4096)
		ring.Look()
		for range 4096 / 8 {
			record := ring.Peek()
			if record == nil {
				break
			}
			if sample, ok := perf.ParseSample(record.Body); ok && len(sample.Raw) > len(record.Body) {
				t.Error("more data than its record has")
			}
			ring.Pop()
		}
		if ring.Peek() != nil {
			t.Error("more records than fit")
		}
		if tail := binary.NativeEndian.Uint64(bytes[1032:]); tail != head {
			t.Errorf("%d was not read", head-tail)
		}
	})
}
