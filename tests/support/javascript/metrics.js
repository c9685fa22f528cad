// SPDX-License-Identifier: Apache-2.0
// Every instrument and aggregation of the JavaScript SDK, as its own exporter encodes them: a line of hexadecimal for
// each collection.
'use strict';

const { ValueType } = require('@opentelemetry/api');
const { ProtobufMetricsSerializer } = require('@opentelemetry/otlp-transformer');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { AggregationTemporality, AggregationType, MeterProvider, MetricReader } = require('@opentelemetry/sdk-metrics');

class Reader extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

async function main(series) {
  const readers = [AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE].map(
    (temporality) => new Reader({ aggregationTemporalitySelector: () => temporality }));
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'größe', ratio: 0.5, on: true, list: ['a', 'b'], n: [1, 2.5] }),
    readers,
    views: [
      { instrumentName: 'exponential*', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
      {
        instrumentName: 'no.extremes',
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [1, 2], recordMinMax: false } },
      },
      {
        instrumentName: 'no.buckets',
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [] } },
      },
    ],
  });
  const meter = provider.getMeter('meter', '1.2', { schemaUrl: 'schema' });
  const other = provider.getMeter('other');

  const counter = meter.createCounter('counter', { description: 'a counter', unit: '{request}' });
  const integers = meter.createCounter('integers', { valueType: ValueType.INT });
  const upDown = meter.createUpDownCounter('up.down', { valueType: ValueType.INT });
  const gauge = other.createGauge('gauge');
  const histograms = ['histogram', 'no.extremes', 'no.buckets', 'exponential', 'exponential.empty'].map(
    (name) => meter.createHistogram(name, { unit: 's' }));
  meter.createObservableCounter('observable.counter').addCallback((result) => result.observe(3, { kind: 'a' }));
  meter.createObservableUpDownCounter('observable.up.down').addCallback((result) => result.observe(-4));
  other.createObservableGauge('observable.gauge').addCallback((result) => result.observe(Infinity));

  for (let i = 0; i < series; ++i) {
    const attributes = { i, name: `series ${i}`, half: i + 0.5, even: i % 2 === 0, list: ['x', `${i}`] };
    counter.add(i + 0.25, attributes);
    integers.add(i, attributes);
    upDown.add(-i, attributes);
    gauge.record(i === 0 ? NaN : i, attributes);
    for (const histogram of histograms) {
      for (let k = 0; k < 10; ++k) histogram.record(k === 0 ? 0 : (i + 1) * Math.pow(1.7, k), attributes);
    }
  }
  for (const reader of readers) {
    const { resourceMetrics, errors } = await reader.collect();
    if (errors.length > 0) throw errors[0];
    console.log(Buffer.from(ProtobufMetricsSerializer.serializeRequest(resourceMetrics)).toString('hex'));
  }
}

main(Number(process.argv[2]));
