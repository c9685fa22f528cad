// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"otelue.dev/collector/usereventsreceiver/internal/metadata"
)

func load(t *testing.T, name string) *Config {
	file, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	sub, err := file.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(config))
	return config
}

func TestDefaults(t *testing.T) {
	config := load(t, "")
	require.NoError(t, confmap.Validate(config))
	assert.Equal(t, createDefaultConfig(), config)
	assert.Equal(t, []string{"otlp_metrics"}, config.names())
	assert.Equal(t, 1048576, config.PerCPUBufferSize)
	assert.Equal(t, 262144, config.watermark())
	assert.Equal(t, 100*time.Millisecond, config.LateRegistrationPollInterval)
	assert.True(t, config.Register)
	assert.Equal(t, BatchingConfig{8192, 200 * time.Millisecond}, config.Batching)
	assert.True(t, config.RetryOnFailure.Enabled)
	assert.Zero(t, config.RetryOnFailure.MaxElapsedTime)
}

func TestAllKeys(t *testing.T) {
	config := load(t, "all")
	require.NoError(t, confmap.Validate(config))
	assert.Equal(t, []string{"otlp_metrics", "more", "others"}, config.names())
	assert.Equal(t, 65536, config.PerCPUBufferSize)
	assert.Equal(t, 4096, config.watermark())
	assert.Equal(t, time.Second, config.LateRegistrationPollInterval)
	assert.False(t, config.Register)
	assert.Equal(t, BatchingConfig{100, time.Second}, config.Batching)
	assert.Equal(t, time.Minute, config.RetryOnFailure.MaxElapsedTime)
	assert.True(t, config.ResourceAttributes.ProcessPid.Enabled)
	assert.False(t, config.ResourceAttributes.ContainerID.Enabled)
}

func TestMistakes(t *testing.T) {
	for name, message := range map[string]string{
		"no_name":        `"" is no name of a tracepoint`,
		"other_group":    `"sched:sched_switch" is no name of a tracepoint`,
		"path":           `"../x" is no name of a tracepoint`,
		"twice":          `tracepoint "otlp_metrics" is there twice`,
		"small":          "per_cpu_buffer_size is 8192 and must be a power of two",
		"odd":            "per_cpu_buffer_size is 1000000 and must be a power of two",
		"watermark":      "wakeup_watermark is 1048576 and must be less",
		"poll":           "late_registration_poll_interval is 0s and must be",
		"batch":          "batching::max_size is 0 and must be",
		"batch_duration": "batching::max_duration is -1s and must be",
		"retry":          "multiplier",
	} {
		assert.ErrorContains(t, confmap.Validate(load(t, name)), message, name)
	}
}
