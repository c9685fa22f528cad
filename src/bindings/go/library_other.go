// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package otelue

import "errors"

// Programs that are meant for Linux also compile elsewhere.

type handle = uintptr

func load() error { return errors.New("only Linux has user_events") }

func open(*options, string) (handle, int)             { return 0, 0 }
func listening(handle) (bool, uint32)                 { return false, stepRegistered }
func export(handle, []byte, *result) int              { return 0 }
func describe([]byte, int, *result) string            { return "" }
func encodeAttributes([]byte, ref, []byte) (size int) { return 0 }
func statusMessage(handle) string                     { return "" }
func statistics(handle, *Statistics)                  {}
func shutDown(handle) int                             { return 0 }
func closeHandle(handle)                              {}
