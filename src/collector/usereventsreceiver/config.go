// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
)

// Config of the receiver.
type Config struct {
	// Tracepoint is the name of the tracepoint in the group user_events.
	Tracepoint string `mapstructure:"tracepoint"`
	// AdditionalTracepoints are read too, and have the same layout.
	AdditionalTracepoints []string `mapstructure:"additional_tracepoints"`
	// PerCPUBufferSize is the size of the ring of each processor and tracepoint in bytes, a power of two.
	PerCPUBufferSize int `mapstructure:"per_cpu_buffer_size"`
	// WakeupWatermark is how many bytes of a ring are filled when it is read without waiting for
	// batching::max_duration. 0: a quarter of it.
	WakeupWatermark int `mapstructure:"wakeup_watermark"`
	// LateRegistrationPollInterval is how often the receiver looks for a tracepoint that does not exist yet, or that it
	// may not read.
	LateRegistrationPollInterval time.Duration `mapstructure:"late_registration_poll_interval"`
	// Register makes the receiver register the tracepoint itself, where it may, so that the first export of every
	// process finds it listening.
	Register bool `mapstructure:"register"`
	// Batching joins events into batches.
	Batching BatchingConfig `mapstructure:"batching"`
	// RetryOnFailure says how a batch that the next component refuses for now is sent again. Meanwhile events wait in the
	// rings.
	RetryOnFailure configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// ResourceAttributes are attributes that the receiver has verified itself, for each resource.
	ResourceAttributes metadata.ResourceAttributesConfig `mapstructure:"resource_attributes"`
}

// BatchingConfig limits a batch.
type BatchingConfig struct {
	// MaxSize is the number of data points that a batch has at most, unless a single event has more.
	MaxSize int `mapstructure:"max_size"`
	// MaxDuration is how long an event waits for others.
	MaxDuration time.Duration `mapstructure:"max_duration"`
}

var _ confmap.Validator = (*Config)(nil)

const (
	group         = "user_events:"
	smallestRing  = 16 << 10 // the largest event with its record, and a power of two
	largestRing   = 1 << 30
	largestBatch  = 1 << 20
	shortestPause = time.Millisecond
)

// A name that the kernel accepts, beside the fields in the 512 bytes that it takes.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,199}$`)

func createDefaultConfig() component.Config {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = 100 * time.Millisecond
	retry.MaxInterval = 5 * time.Second
	retry.MaxElapsedTime = 0
	return &Config{
		Tracepoint:                   "otlp_metrics",
		PerCPUBufferSize:             1 << 20,
		LateRegistrationPollInterval: 100 * time.Millisecond,
		Register:                     true,
		Batching:                     BatchingConfig{MaxSize: 8192, MaxDuration: 200 * time.Millisecond},
		RetryOnFailure:               retry,
		ResourceAttributes:           metadata.DefaultResourceAttributesConfig(),
	}
}

// names returns the tracepoints without their group.
func (c *Config) names() []string {
	names := []string{strings.TrimPrefix(c.Tracepoint, group)}
	for _, name := range c.AdditionalTracepoints {
		names = append(names, strings.TrimPrefix(name, group))
	}
	return names
}

func (c *Config) watermark() int {
	if c.WakeupWatermark == 0 {
		return c.PerCPUBufferSize / 4
	}
	return c.WakeupWatermark
}

// Validate implements [confmap.Validator].
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, arguments ...any) { errs = append(errs, fmt.Errorf(format, arguments...)) }
	names := c.names()
	for i, one := range names {
		if !name.MatchString(one) {
			fail("%q is no name of a tracepoint in the group user_events", one)
		}
		if slices.Contains(names[:i], one) {
			fail("tracepoint %q is there twice", one)
		}
	}
	size := c.PerCPUBufferSize
	if least := max(smallestRing, os.Getpagesize()); size < least || size > largestRing || bits.OnesCount(uint(size)) != 1 {
		fail("per_cpu_buffer_size is %d and must be a power of two from %d to %d", size, least, largestRing)
	} else if c.WakeupWatermark < 0 || c.WakeupWatermark >= size {
		fail("wakeup_watermark is %d and must be less than per_cpu_buffer_size, %d", c.WakeupWatermark, size)
	}
	if c.LateRegistrationPollInterval < shortestPause {
		fail("late_registration_poll_interval is %v and must be %v or more", c.LateRegistrationPollInterval, shortestPause)
	}
	if c.Batching.MaxSize < 1 || c.Batching.MaxSize > largestBatch {
		fail("batching::max_size is %d and must be from 1 to %d", c.Batching.MaxSize, largestBatch)
	}
	if c.Batching.MaxDuration < shortestPause {
		fail("batching::max_duration is %v and must be %v or more", c.Batching.MaxDuration, shortestPause)
	}
	return errors.Join(errs...)
}
