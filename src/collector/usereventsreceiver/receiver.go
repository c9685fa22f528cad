// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
	"otelue.dev/collector/usereventsreceiver/internal/otlp"
)

// userEvents is the receiver. One goroutine does all of its work: while the next component refuses a batch nothing is
// read, and events wait in the rings, which the kernel counts the overflow of.
type userEvents struct {
	config    *Config
	next      consumer.Metrics
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	report    *receiverhelper.ObsReport
	newKernel func() (kernel, error)

	kernel   kernel // nil: it was not started
	listener *listener
	batch    *batch
	stopping chan struct{} // closed by Shutdown
	done     chan struct{} // closed by the goroutine
	cancel   context.CancelFunc
}

func newReceiver(
	settings receiver.Settings, config *Config, next consumer.Metrics, newKernel func() (kernel, error),
) (*userEvents, error) {
	telemetry, err := metadata.NewTelemetryBuilder(settings.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: settings.ID, ReceiverCreateSettings: settings,
	})
	if err != nil {
		return nil, err
	}
	return &userEvents{
		config: config, next: next, logger: settings.Logger, telemetry: telemetry, report: report, newKernel: newKernel,
		stopping: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

// Start does not fail on a machine without user_events, tracefs or permission: it says so, and goes on trying.
func (u *userEvents) Start(context.Context, component.Host) error {
	k, err := u.newKernel()
	if err != nil {
		u.logger.Warn("not listening", zap.Error(err))
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	u.kernel, u.cancel = k, cancel
	u.listener = newListener(k, u.config, u.logger, u.telemetry)
	u.batch = newBatch(u.config, k)
	go u.run(ctx, k)
	return nil
}

// Shutdown hands on what is in the rings. The next component has one try for each batch.
func (u *userEvents) Shutdown(ctx context.Context) error {
	if u.kernel == nil {
		return nil
	}
	k := u.kernel
	u.kernel = nil
	close(u.stopping)
	k.wake()
	var err error
	select {
	case <-u.done:
	case <-ctx.Done():
		err = ctx.Err()
		u.cancel()
		<-u.done
	}
	u.cancel()
	k.close()
	u.telemetry.Shutdown()
	return err
}

func (u *userEvents) isStopping() bool {
	select {
	case <-u.stopping:
		return true
	default:
		return false
	}
}

func (u *userEvents) run(ctx context.Context, k kernel) {
	defer close(u.done)
	take := func(e event) { u.take(ctx, e) }
	for flushAt := time.Now(); !u.isStopping(); {
		now := time.Now()
		u.listener.check(now, take)
		waits := u.listener.collect(take)
		if now = time.Now(); !now.Before(flushAt) {
			// What has come within the last moments belongs to the next batch.
			u.flush(ctx)
			flushAt = time.Now().Add(u.config.Batching.MaxDuration)
		}
		until := u.listener.nextCheck
		if u.listener.isListening() && flushAt.Before(until) {
			until = flushAt
		}
		pause := time.Until(until)
		if waits {
			pause = min(pause, settle)
		}
		k.wait(max(pause, 0))
	}
	u.listener.stop(take)
	u.flush(ctx)
}

func (u *userEvents) take(ctx context.Context, e event) {
	size, err := otlp.Check(e.otlp)
	if err != nil {
		u.listener.malformed(e.target, reasonOf(err))
		return
	}
	if !u.batch.hasRoom(size, len(e.otlp), u.config.Batching.MaxSize) {
		u.flush(ctx)
	}
	if err := u.batch.add(e, size); err != nil {
		u.listener.malformed(e.target, reasonProtobuf)
		return
	}
	if u.batch.size.Points >= u.config.Batching.MaxSize {
		u.flush(ctx)
	}
}

func (u *userEvents) flush(ctx context.Context) {
	if u.batch.isEmpty() {
		return
	}
	points := u.batch.size.Points
	operation := u.report.StartMetricsOp(ctx)
	left, err := u.send(operation, u.batch.take(), points)
	u.report.EndMetricsOp(operation, "otlp", points, err)
	if err != nil {
		u.telemetry.ReceiverUserEventsDroppedDataPoints.Add(ctx, int64(left))
		u.logger.Error("data points were dropped", zap.Int("data_points", left), zap.Error(err))
	}
}

// send returns how many points are left when the next component takes them no more.
func (u *userEvents) send(ctx context.Context, metrics pmetric.Metrics, points int) (int, error) {
	config := &u.config.RetryOnFailure
	pauses := backoff.ExponentialBackOff{
		InitialInterval: config.InitialInterval, RandomizationFactor: config.RandomizationFactor,
		Multiplier: config.Multiplier, MaxInterval: config.MaxInterval,
	}
	pauses.Reset()
	for begin := time.Now(); ; {
		err := u.next.ConsumeMetrics(ctx, metrics)
		if err == nil {
			return 0, nil
		}
		var rest consumererror.Metrics
		if errors.As(err, &rest) {
			metrics = rest.Data()
			points = metrics.DataPointCount()
		}
		if consumererror.IsPermanent(err) || !config.Enabled || ctx.Err() != nil || u.isStopping() {
			return points, err
		}
		pause := pauses.NextBackOff()
		if config.MaxElapsedTime > 0 && time.Since(begin)+pause > config.MaxElapsedTime {
			return points, err
		}
		u.logger.Debug("the next component refuses for now", zap.Duration("pause", pause), zap.Error(err))
		u.pause(pause)
	}
}

// pause waits, and goes on counting what is lost meanwhile. Shutdown ends it.
func (u *userEvents) pause(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	u.listener.countAll()
	for {
		select {
		case <-timer.C:
			return
		case <-u.stopping:
			return
		case <-ticker.C:
			u.listener.countAll()
		}
	}
}
