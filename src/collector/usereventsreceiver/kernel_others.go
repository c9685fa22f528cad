// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package usereventsreceiver

import "errors"

func newKernel() (kernel, error) { return nil, errors.New("only Linux has user_events") }
