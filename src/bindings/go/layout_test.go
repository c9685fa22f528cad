// SPDX-License-Identifier: Apache-2.0

//go:build linux && !cgo

package otelue

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The C compiler checks the functions when there is cgo, and the records are the same, so this is for builds without.
func TestRecordsFunctionsAndNumbersAreThoseOfTheHeaders(t *testing.T) {
	type believed struct {
		Size   uintptr            `json:"size"`
		Fields map[string]uintptr `json:"fields"`
	}
	records := map[string]believed{}
	for name, record := range map[string]any{
		"value": value{}, "attribute": attributeRecord{}, "resource": resourceRecord{}, "scope": scopeRecord{},
		"metric": metricRecord{}, "point": pointRecord{}, "histogram": histogramRecord{},
		"exponential_histogram": exponentialHistogramRecord{}, "quantile": quantileRecord{}, "summary": summaryRecord{},
		"exemplar": exemplarRecord{}, "batch": batchRecord{}, "options": options{}, "result": result{},
		"status": status{}, "statistics": Statistics{},
	} {
		fields := map[string]uintptr{}
		addFields(fields, "", 0, reflect.TypeOf(record))
		records["otelue_"+name] = believed{reflect.TypeOf(record).Size(), fields}
	}
	calls := map[string]int{}
	for _, f := range functions {
		calls[f.name] = f.parameters
	}
	said, err := json.Marshal(map[string]any{
		"records":   records,
		"functions": calls,
		"numbers": map[string]uint64{
			"OTELUE_BATCH_MAGIC": batchMagic, "OTELUE_BATCH_VERSION": batchVersion,
			"OTELUE_EMPTY": valueEmpty, "OTELUE_STRING": valueString, "OTELUE_BOOL": valueBool, "OTELUE_INT": valueInt,
			"OTELUE_DOUBLE": valueDouble, "OTELUE_ARRAY": valueArray, "OTELUE_KVLIST": valueKvlist,
			"OTELUE_BYTES": valueBytes, "OTELUE_GAUGE": kindGauge, "OTELUE_SUM": kindSum,
			"OTELUE_HISTOGRAM": kindHistogram, "OTELUE_EXPONENTIAL_HISTOGRAM": kindExponentialHistogram,
			"OTELUE_SUMMARY": kindSummary, "OTELUE_DELTA": temporalityDelta, "OTELUE_CUMULATIVE": temporalityCumulative,
			"OTELUE_ATTRIBUTE_RECORDS": attributeRecords, "OTELUE_ENCODED_ATTRIBUTES": encodedAttributes,
			"OTELUE_HAS_SUM": hasSum, "OTELUE_HAS_MIN": hasMin, "OTELUE_HAS_MAX": hasMax,
			"OTELUE_HAS_POSITIVE": hasPositive, "OTELUE_HAS_NEGATIVE": hasNegative,
			"OTELUE_HAS_TRACE_ID": hasTraceID, "OTELUE_HAS_SPAN_ID": hasSpanID,
			"OTELUE_STEP_REGISTERED": stepRegistered, "OTELUE_ENCODED_ATTRIBUTES_MAX": encodedAttributesMax,
			"OTELUE_PACK_METRIC": uint64(PackMetric), "OTELUE_PACK_POINT": uint64(PackPoint),
			"OTELUE_PACK_REQUEST": uint64(PackRequest),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("OTELUE_LAYOUT") == "" {
		t.Fatal("OTELUE_LAYOUT is not set to the layout.json of a build")
	}
	check := exec.Command("python3", "../../../tests/bindings/layout.py")
	check.Stdin = strings.NewReader(string(said))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

var boundary = regexp.MustCompile(`([a-z])([A-Z])`)

// addFields adds offsets by the names that fields have in C. A reference is one field.
func addFields(to map[string]uintptr, path string, offset uintptr, record reflect.Type) {
	for i := range record.NumField() {
		field := record.Field(i)
		name := path + strings.ToLower(boundary.ReplaceAllString(field.Name, "${1}_$2"))
		if name == path+"typ" { // `type` is a keyword
			name = path + "type"
		}
		if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[ref]() {
			addFields(to, name+".", offset+field.Offset, field.Type)
		} else {
			to[name] = offset + field.Offset
		}
	}
}
