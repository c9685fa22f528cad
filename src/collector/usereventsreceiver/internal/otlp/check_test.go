// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// all returns a request with points of all kinds, and every field.
func all(t testing.TB) []byte {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.SetSchemaUrl("https://schema")
	attributes := resource.Resource().Attributes()
	attributes.PutStr("text", "é")
	attributes.PutBool("yes", true)
	attributes.PutInt("int", -1)
	attributes.PutDouble("double", 0.5)
	attributes.PutEmptyBytes("bytes").FromRaw([]byte{0xff})
	attributes.PutEmptyMap("map").PutEmptySlice("array").AppendEmpty().SetStr("in it")
	resource.Resource().SetDroppedAttributesCount(1)
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("scope")
	scope.Scope().SetVersion("1")
	scope.Scope().Attributes().PutStr("a", "b")
	next := func(name string) pmetric.Metric {
		metric := scope.Metrics().AppendEmpty()
		metric.SetName(name)
		metric.SetUnit("1")
		metric.SetDescription("text")
		metric.Metadata().PutStr("a", "b")
		return metric
	}
	exemplar := func(exemplars pmetric.ExemplarSlice) {
		e := exemplars.AppendEmpty()
		e.SetIntValue(1)
		e.SetTraceID(pcommon.TraceID{1})
		e.SetSpanID(pcommon.SpanID{1})
		e.SetTimestamp(1)
		e.FilteredAttributes().PutStr("a", "b")
	}
	gauge := next("gauge").SetEmptyGauge().DataPoints()
	for range 3 {
		point := gauge.AppendEmpty()
		point.SetDoubleValue(1)
		point.SetTimestamp(2)
		point.SetStartTimestamp(1)
		point.Attributes().PutStr("a", "b")
		point.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		exemplar(point.Exemplars())
	}
	sum := next("sum").SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	sum.DataPoints().AppendEmpty().SetIntValue(-1)
	histogram := next("histogram").SetEmptyHistogram().DataPoints().AppendEmpty()
	histogram.BucketCounts().FromRaw([]uint64{1, 2})
	histogram.ExplicitBounds().FromRaw([]float64{1})
	histogram.SetMin(1)
	histogram.SetMax(2)
	histogram.SetSum(3)
	histogram.SetCount(3)
	exemplar(histogram.Exemplars())
	exponential := next("exponential").SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	exponential.SetScale(-3)
	exponential.SetZeroThreshold(1)
	exponential.Positive().SetOffset(-1)
	exponential.Positive().BucketCounts().FromRaw([]uint64{1, 1 << 40})
	exponential.Negative().BucketCounts().FromRaw([]uint64{1})
	summary := next("summary").SetEmptySummary().DataPoints().AppendEmpty()
	summary.QuantileValues().AppendEmpty().SetQuantile(0.5)
	bytes, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return bytes
}

func TestWhatIsValidIsAccepted(t *testing.T) {
	size, err := Check(all(t))
	require.NoError(t, err)
	assert.Equal(t, 7, size.Points)
	size, err = Check(nil)
	require.NoError(t, err)
	assert.Equal(t, Size{1, 0}, size)
}

func TestWhatIsNotIsRefused(t *testing.T) {
	for text, expected := range map[string]error{
		"0a":                                ErrDamaged, // no length
		"0a01":                              ErrDamaged, // ends in a message
		"00":                                ErrDamaged, // field 0
		"0b0c":                              ErrDamaged, // a group
		"08 01":                             ErrDamaged, // a number in the place of a message
		"ffffffffffffffffffff01":            ErrDamaged, // a tag that does not fit
		"0affffffffffffffffff01":            ErrDamaged, // a length that does not fit
		"0a03 1a01ff":                       ErrText,
		"0a03 1a01 41":                      nil,
		"12 01 ff":                          nil,        // an unknown field
		"0a0b 1209 1207 2a05 0a03 220100":   ErrDamaged, // a double of a byte
		"0a0c 120a 1208 4a06 0a04 32020000": ErrDamaged, // packed numbers of two bytes
	} {
		bytes, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		require.NoError(t, err)
		_, err = Check(bytes)
		assert.Equal(t, expected, err, text)
	}
	whole := all(t)
	for end := 1; end < len(whole); end++ {
		_, err := Check(whole[:end])
		assert.Equal(t, ErrDamaged, err, end)
	}
}

func TestMessagesAreCounted(t *testing.T) {
	_, err := Check([]byte(strings.Repeat("\x0a\x00", MaxMessages-1)))
	assert.NoError(t, err)
	_, err = Check([]byte(strings.Repeat("\x0a\x00", MaxMessages)))
	assert.Equal(t, ErrMessages, err)
}

func TestNestingEnds(t *testing.T) {
	for levels, expected := range map[int]error{1: nil, 48: nil, 49: ErrDepth, 1000: ErrDepth} {
		value := pcommon.NewMap()
		inner := value.PutEmptySlice("key")
		for range levels - 1 {
			inner = inner.AppendEmpty().SetEmptySlice()
		}
		metrics := pmetric.NewMetrics()
		value.CopyTo(metrics.ResourceMetrics().AppendEmpty().Resource().Attributes())
		bytes, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
		require.NoError(t, err)
		_, err = Check(bytes)
		assert.Equal(t, expected, err, levels)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(all(f))
	f.Add([]byte(strings.Repeat("\x0a\x00", MaxMessages)))
	f.Add([]byte("\x0a\x03\x1a\x01\xff"))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		size, err := Check(bytes)
		if err != nil {
			return
		}
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(bytes)
		if err != nil {
			return // ids of another length
		}
		if points := metrics.DataPointCount(); points > size.Points {
			t.Errorf("%d points, of which %d were seen", points, size.Points)
		}
	})
}
