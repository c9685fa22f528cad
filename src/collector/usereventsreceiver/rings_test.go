// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"otelue.dev/collector/usereventsreceiver/internal/perf"
	"otelue.dev/collector/usereventsreceiver/internal/perftest"
	"otelue.dev/collector/usereventsreceiver/internal/tracepoint"
)

// recorded is a ring of tests/rings, which the command of otelue reads as well.
type recorded struct {
	name             string
	size, tail, head uint64
	data             []byte
	expected         []string
}

func recordings(t *testing.T) (found []*recorded) {
	path := os.Getenv("OTELUE_RINGS")
	if path == "" {
		path = "../../../tests/rings/rings.txt"
	}
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		if word == "ring" {
			found = append(found, &recorded{name: rest})
			continue
		}
		if word == "" || word == "#" {
			continue
		}
		r := found[len(found)-1]
		scan := func(to ...any) {
			_, err := fmt.Sscan(rest, to...)
			require.NoError(t, err, lines.Text())
		}
		switch word {
		case "size":
			scan(&r.size)
			r.data = make([]byte, r.size)
		case "tail":
			scan(&r.tail)
		case "head":
			scan(&r.head)
		case "data":
			var at int
			var text string
			scan(&at, &text)
			bytes, err := hex.DecodeString(text)
			require.NoError(t, err)
			copy(r.data[at:], bytes)
		default:
			r.expected = append(r.expected, lines.Text())
		}
	}
	return found
}

// read says what the receiver makes of a ring.
func (r *recorded) read(t *testing.T) (seen []string) {
	memory := make([]uint64, (perftest.Page+r.size)/8)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&memory[0])), len(memory)*8)
	binary.NativeEndian.PutUint64(bytes[1024:], r.head)
	binary.NativeEndian.PutUint64(bytes[1032:], r.tail)
	copy(bytes[perftest.Page:], r.data)
	format, err := tracepoint.ParseFormat(perftest.Format)
	require.NoError(t, err)
	ring := perf.NewRing(bytes, perftest.Page)
	ring.Look()
	for record := ring.Peek(); record != nil; record = ring.Peek() {
		switch record.Type {
		case perf.RecordLost:
			seen = append(seen, fmt.Sprint("lost ", binary.NativeEndian.Uint64(record.Body[8:])))
		case perf.RecordSample:
			said := "malformed"
			if sample, ok := perf.ParseSample(record.Body); ok {
				if payload, err := format.Payload(sample.Raw); err == nil {
					said = strings.TrimRight(
						fmt.Sprintf("event %d %d %d %x", sample.PID, sample.CPU, sample.Time, payload), " ",
					)
				}
			}
			seen = append(seen, said)
		default:
			seen = append(seen, fmt.Sprint("record ", record.Type))
		}
		ring.Pop()
	}
	if ring.Damaged() > 0 {
		seen = append(seen, "damaged")
	}
	assert.Equal(t, r.head, binary.NativeEndian.Uint64(bytes[1032:]), "all of it was given back")
	return seen
}

func TestRecordedRings(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the recordings are little-endian")
	}
	rings := recordings(t)
	require.GreaterOrEqual(t, len(rings), 20)
	for _, r := range rings {
		t.Run(r.name, func(t *testing.T) { assert.Equal(t, r.expected, r.read(t)) })
	}
}
