// SPDX-License-Identifier: Apache-2.0
// Measures a small shop for two seconds. Run it, and `otelue watch` beside it; or without the first lines below, and with
//
//   OTEL_METRICS_EXPORTER=user_events node --import otelue/register shop.mjs

import { setTimeout } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { UserEventsMetricExporter } from 'otelue';

const exporter = new UserEventsMetricExporter();
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 500, exportTimeoutMillis: 500 });
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);

const meter = metrics.getMeter('shop', '1.0');
const requests = meter.createCounter('http.server.requests', { unit: '{request}' });
const duration = meter.createHistogram('http.server.request.duration', { unit: 's' });
let queued = 0;
meter.createObservableGauge('queue.length').addCallback((result) => result.observe(queued));

for (let i = 0; i < 20; ++i) {
  const attributes = { 'http.request.method': i % 3 === 0 ? 'POST' : 'GET', 'http.response.status_code': 200 };
  requests.add(1, attributes);
  duration.record(0.01 * (i + 1), attributes);
  queued = i % 5;
  await setTimeout(100);
}
await provider.shutdown();
