// SPDX-License-Identifier: Apache-2.0

/**
 * `node --import otelue/register app.js` with OTEL_METRICS_EXPORTER=user_events makes the global MeterProvider, as the
 * environment says.
 */

import { DiagConsoleLogger, diag, metrics } from '@opentelemetry/api';
import {
  diagLogLevelFromString,
  getBooleanFromEnv,
  getNumberFromEnv,
  getStringFromEnv,
  getStringListFromEnv,
} from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  processDetector,
  type Resource,
  type ResourceDetector,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { UserEventsMetricExporter } from './exporter';
import { logger } from './settings';

const DETECTORS: Record<string, ResourceDetector> = {
  host: hostDetector,
  os: osDetector,
  serviceinstance: serviceInstanceIdDetector,
  process: processDetector,
  env: envDetector,
};

/** As @opentelemetry/sdk-node detects it. */
function resource(): Resource {
  const names = getStringListFromEnv('OTEL_NODE_RESOURCE_DETECTORS') ?? ['env', 'process', 'host'];
  let detectors: ResourceDetector[] = [];
  if (names.includes('all')) {
    detectors = Object.values(DETECTORS);
  } else if (!names.includes('none')) {
    for (const name of names) {
      const detector = DETECTORS[name];
      if (detector === undefined) logger.warn(`OTEL_NODE_RESOURCE_DETECTORS names no detector with ${name}`);
      else detectors.push(detector);
    }
  }
  return defaultResource().merge(detectResources({ detectors }));
}

function milliseconds(variable: string, otherwise: number): number {
  const said = getNumberFromEnv(variable);
  if (said === undefined || said > 0) return said ?? otherwise;
  logger.warn(`${variable} is set to ${said}: using ${otherwise}`);
  return otherwise;
}

function register(): void {
  const level = diagLogLevelFromString(getStringFromEnv('OTEL_LOG_LEVEL'));
  if (level !== undefined) diag.setLogger(new DiagConsoleLogger(), level);
  const others = getStringListFromEnv('OTEL_METRICS_EXPORTER')?.filter((name) => name !== 'user_events') ?? [];
  if (others.length > 0) logger.warn(`otelue/register sets up user_events, and not ${others.join(', ')}`);

  const exportIntervalMillis = milliseconds('OTEL_METRIC_EXPORT_INTERVAL', 60_000);
  const timeout = milliseconds('OTEL_METRIC_EXPORT_TIMEOUT', 30_000);
  const exportTimeoutMillis = Math.min(timeout, exportIntervalMillis);
  const exporter = new UserEventsMetricExporter();
  const sdkMetricsEnabled = getBooleanFromEnv('OTEL_NODE_EXPERIMENTAL_SDK_METRICS') ?? false;
  const provider = new MeterProvider({
    resource: resource(),
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis, exportTimeoutMillis })],
    sdkMetricsEnabled,
  });
  if (sdkMetricsEnabled) exporter.setMeterProvider(provider);
  if (!metrics.setGlobalMeterProvider(provider)) {
    logger.warn('another MeterProvider is registered: otelue/register does nothing');
    void provider.shutdown();
    return;
  }
  flushAtEnd(provider);
}

function flushAtEnd(provider: MeterProvider): void {
  const flush = async (): Promise<void> => {
    try {
      await provider.forceFlush();
    } catch (error) {
      logger.warn('metrics could not be flushed', error);
    }
  };
  process.once('beforeExit', flush);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, async () => {
      // What ends the process is still the program's business, or else the signal's, as without us.
      const isAlone = process.listenerCount(signal) === 0;
      await flush();
      if (isAlone) process.kill(process.pid, signal);
    });
  }
}

const isWanted = getStringListFromEnv('OTEL_METRICS_EXPORTER')?.includes('user_events');
if (isWanted && !getBooleanFromEnv('OTEL_SDK_DISABLED')) {
  try {
    register();
  } catch (error) {
    logger.error('otelue/register has failed', error);
  }
}
