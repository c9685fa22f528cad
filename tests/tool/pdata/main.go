// SPDX-License-Identifier: Apache-2.0

// Pdata translates requests as the OpenTelemetry Collector does, with its own package: `pdata to-json` from standard
// input, each request behind its length in four bytes, to lines of OTLP/JSON; `pdata from-json` back.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func writeJSON(metrics pmetric.Metrics, out *bufio.Writer) error {
	line, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(metrics)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}

func writeProto(metrics pmetric.Metrics, out *bufio.Writer) error {
	encoded, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	if err != nil {
		return err
	}
	if err := binary.Write(out, binary.BigEndian, uint32(len(encoded))); err != nil {
		return err
	}
	_, err = out.Write(encoded)
	return err
}

func fromProto(in *bufio.Reader, out *bufio.Writer, write func(pmetric.Metrics, *bufio.Writer) error) error {
	for {
		var size uint32
		if err := binary.Read(in, binary.BigEndian, &size); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		encoded := make([]byte, size)
		if _, err := io.ReadFull(in, encoded); err != nil {
			return err
		}
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(encoded)
		if err != nil {
			return err
		}
		if err := write(metrics, out); err != nil {
			return err
		}
	}
}

func fromJSON(in *bufio.Reader, out *bufio.Writer) error {
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		} else if err != nil {
			return err
		}
		metrics, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err != nil {
			return err
		}
		if err := writeProto(metrics, out); err != nil {
			return err
		}
	}
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	var err error
	switch direction := os.Args[1]; direction {
	case "to-json":
		err = fromProto(in, out, writeJSON)
	case "copy":
		err = fromProto(in, out, writeProto)
	case "from-json":
		err = fromJSON(in, out)
	default:
		err = fmt.Errorf("no such direction: %s", direction)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
