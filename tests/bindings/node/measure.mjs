// SPDX-License-Identifier: Apache-2.0
// Measures the exporter of Node.js and its SDK's own encoder, as tests/bench/languages.py asks.

import { createInterface } from 'node:readline';
import { ExportResultCode } from '@opentelemetry/core';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, AggregationType, MeterProvider } from '@opentelemetry/sdk-metrics';
import { UserEventsMetricExporter } from '../../../src/bindings/node/dist/index.mjs';
import { Reader } from './application.mjs';

const COLLECTIONS = 4; // in turn

/** What a reader hands over in some cycles. */
async function collect(kind, temporality, series) {
  const reader = new Reader({
    aggregationTemporalitySelector: () => AggregationTemporality[temporality.toUpperCase()],
    cardinalitySelector: () => Number.POSITIVE_INFINITY,
  });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({
      'service.name': 'shop',
      'service.version': '1.2.3',
      'host.name': 'web-1',
      'os.type': 'linux',
    }),
    readers: [reader],
    views: [{ instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const meter = provider.getMeter('bench');
  const sum = meter.createCounter('sum');
  const histogram = kind === 'sum' ? undefined : meter.createHistogram(kind, { unit: 's' });
  const made = [];
  for (let number = 0; number < COLLECTIONS; ++number) {
    for (let i = 0; i < series; ++i) {
      const attributes = {
        'http.request.method': 'GET',
        'url.scheme': 'https',
        'http.route': `/api/v1/items/${i}`,
        'server.address': 'shop.example.com',
        'error.type': `error ${i % 7}`,
      };
      if (histogram === undefined) sum.add(i + 1, attributes);
      else for (let k = 0; k < 5; ++k) histogram.record(0.001 * (i + 1) * 3 ** k, attributes);
    }
    made.push((await reader.collect()).resourceMetrics);
  }
  return made;
}

function processorTime() {
  const { user, system } = process.cpuUsage(); // of all threads, as garbage is collected by others
  return 1000 * (user + system);
}

const collected = new Map();
const exporters = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const [, who, kind, temporality, packing, series, exports] = line.split(' ');
  const key = `${kind} ${temporality}`;
  if (!collected.has(key)) collected.set(key, await collect(kind, temporality, Number(series)));
  if (!exporters.has(packing)) exporters.set(packing, new UserEventsMetricExporter({ packing }));
  const made = collected.get(key);
  const exporter = exporters.get(packing);
  const work =
    who === 'sdk'
      ? (metrics) => ProtobufMetricsSerializer.serializeRequest(metrics)
      : (metrics) =>
          exporter.export(metrics, ({ code, error }) => {
            if (code !== ExportResultCode.SUCCESS) throw error;
          });
  // One export of all points that is not measured.
  const before = exporter.statistics().pointsExported;
  work(made[0]);
  const exported = exporter.statistics().pointsExported - before;
  if (who === 'ours' && exported !== Number(series)) throw new Error(`${exported} points were exported`);
  const start = processorTime();
  for (let i = 0; i < Number(exports); ++i) work(made[i % COLLECTIONS]);
  console.log(JSON.stringify({ ns: processorTime() - start, points: exports * series }));
}
