// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package usereventsreceiver receives metrics from the Linux tracepoint user_events:otlp_metrics.
package usereventsreceiver
