// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
)

// NewFactory returns the factory of the receiver user_events.
func NewFactory() receiver.Factory { return newFactory(newKernel) }

func newFactory(newKernel func() (kernel, error)) receiver.Factory {
	create := func(
		_ context.Context, settings receiver.Settings, config component.Config, next consumer.Metrics,
	) (receiver.Metrics, error) {
		return newReceiver(settings, config.(*Config), next, newKernel)
	}
	return receiver.NewFactory(
		metadata.Type, createDefaultConfig, receiver.WithMetrics(create, metadata.MetricsStability),
	)
}
