// SPDX-License-Identifier: Apache-2.0

package tracepoint

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"otelue.dev/collector/usereventsreceiver/internal/perftest"
)

func TestParseFormat(t *testing.T) {
	format, err := ParseFormat(perftest.Format)
	require.NoError(t, err)
	assert.Equal(t, Format{1514, 8, 12, 20}, format)
	for name, text := range map[string]string{
		"nothing":          "",
		"no ID":            strings.Replace(perftest.Format, "ID: 1514", "", 1),
		"another size":     strings.Replace(perftest.Format, "offset:12;\tsize:8", "offset:12;\tsize:4", 1),
		"no buffer":        strings.Replace(perftest.Format, "buffer[", "body[", 1),
		"negative offset":  strings.Replace(perftest.Format, "offset:20", "offset:-1", 1),
		"offset too large": strings.Replace(perftest.Format, "offset:20", "offset:99999999", 1),
	} {
		_, err := ParseFormat(text)
		assert.ErrorIs(t, err, ErrFormat, name)
	}
}

func TestPayload(t *testing.T) {
	format, err := ParseFormat(perftest.Format)
	require.NoError(t, err)
	raw := append(perftest.Event([]byte("otlp")), 0, 0, 0, 0) // padded
	payload, err := format.Payload(raw)
	require.NoError(t, err)
	assert.Equal(t, "otlp", string(payload))

	// A buffer that begins behind a gap.
	shifted := append(append(perftest.Event(nil), 1, 2, 3), "otlp"...)
	binary.NativeEndian.PutUint32(shifted[20:], 4<<16|3)
	payload, err = format.Payload(shifted)
	require.NoError(t, err)
	assert.Equal(t, "otlp", string(payload))

	for location, expected := range map[uint32]error{4 << 16: nil, 8 << 16: nil, 9 << 16: ErrBounds, 1<<16 | 8: ErrBounds,
		8: nil, 0xffffffff: ErrBounds} {
		binary.NativeEndian.PutUint32(raw[20:], location)
		_, err := format.Payload(raw)
		assert.Equal(t, expected, err, "%#x", location)
	}
	for size := range 24 {
		_, err := format.Payload(raw[:size])
		assert.Equal(t, ErrShort, err, size)
	}
}

func TestVersions(t *testing.T) {
	for version, expected := range map[string]bool{
		"v0.19.00": true, "v0.19.0\x00": true, "v0.20.00": true, "v1.10.00": true, "v1.0.0\x00\x00": true,
		"v0.18.00": false, "v2.00.00": false, "0.19.000": false, "v0.19\x00\x00\x00": false, "v0.-9.00": false,
		"\x00\x00\x00\x00\x00\x00\x00\x00": false, "v0.19.0x": false,
	} {
		assert.Equal(t, expected, isCompatible([]byte(version)), version)
	}
}

func FuzzFormatAndPayload(f *testing.F) {
	f.Add(perftest.Format, perftest.Event([]byte("otlp")))
	f.Add(strings.Replace(perftest.Format, "offset:20", "offset:65535", 1), []byte{})
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		format, err := ParseFormat(text)
		if err != nil {
			return
		}
		if payload, err := format.Payload(raw); err == nil && len(payload) > len(raw) {
			t.Error("a payload larger than the event")
		}
	})
}
