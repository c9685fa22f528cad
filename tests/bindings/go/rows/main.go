// SPDX-License-Identifier: Apache-2.0

// Runs an application of application.py on Go's SDK: rows APPLICATION OUT. See compare.py.
package main

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"

	"go.opentelemetry.io/otel/sdk/metric"

	"otelue.dev/otelue"
	"otelue.dev/otelue/tests/encoder"
)

func main() {
	described, out := readApplication(os.Args[1]), os.Args[2]
	for name, temporality := range map[string]metric.TemporalitySelector{
		"delta":      metric.DeltaTemporalitySelector,
		"cumulative": metric.CumulativeTemporalitySelector,
	} {
		compare(described, temporality, filepath.Join(out, name))
	}
}

func compare(described *described, temporality metric.TemporalitySelector, path string) {
	var exporters []*otelue.Exporter
	for packing, name := range []string{"metric", "point", "request"} {
		exporters = append(exporters, must(otelue.New(
			otelue.WithPacking(otelue.Packing(packing)), otelue.WithRecording(path+"."+name))))
	}
	sdk := must(os.Create(path + ".sdk"))
	p := newProgram(described, temporality)
	ctx := context.Background()
	for _, cycle := range described.Cycles {
		rm := p.run(cycle)
		request := must(encoder.Encode(ctx, rm))
		size := binary.LittleEndian.AppendUint32(nil, uint32(len(request)))
		must(sdk.Write(append(size, request...)))
		for _, exporter := range exporters {
			check(exporter.Export(ctx, rm))
		}
	}
	for _, exporter := range exporters {
		check(exporter.Shutdown(ctx))
	}
	check(sdk.Close())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
