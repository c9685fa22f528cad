// SPDX-License-Identifier: Apache-2.0
// What the exporter promises, without a tracepoint: it writes to recordings, or nobody listens.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { DiagLogLevel, diag, ValueType } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import {
  AggregationTemporality,
  AggregationType,
  InstrumentType,
  MeterProvider,
  MetricReader,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { UserEventsMetricExporter } from '../dist/index.mjs';

const commonjs = createRequire(import.meta.url)('../dist/index.js');

let directory;
let messages;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'otelue-'));
  messages = [];
  const log =
    (level) =>
    (...args) =>
      messages.push([level, args.join(' ')]);
  const logger = { error: log('error'), warn: log('warn'), info() {}, debug: log('debug'), verbose() {} };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true });
});

afterEach(() => {
  diag.disable();
  rmSync(directory, { recursive: true });
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
});

const warnings = () => messages.filter(([level]) => level === 'warn' || level === 'error').map(([, text]) => text);
const path = () => join(directory, 'recording');

class ManualReader extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

/** A collection of what `measure` does with a meter. */
async function collect(measure) {
  const reader = new ManualReader();
  measure(new MeterProvider({ readers: [reader] }).getMeter('m'));
  return (await reader.collect()).resourceMetrics;
}

const collectSome = (points = 3) =>
  collect((meter) => {
    const counter = meter.createCounter('c');
    for (let i = 0; i < points; ++i) counter.add(1, { i });
  });

/** What an export calls back with, which it has done when it returns. */
function exportTo(exporter, metrics) {
  let result;
  exporter.export(metrics, (got) => {
    result = got;
  });
  return result;
}

test('both kinds of modules have the same exporter', () => {
  assert.equal(commonjs.UserEventsMetricExporter, UserEventsMetricExporter);
});

test('a reader exports through it, and statistics count', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
  provider.getMeter('m').createCounter('requests').add(7, { method: 'GET' });
  await provider.forceFlush();
  await provider.shutdown();
  const { pointsExported, pointsTotal, events, exports, registrations } = exporter.statistics();
  assert.deepEqual(
    { pointsExported, pointsTotal, events, exports, registrations },
    { pointsExported: 1, pointsTotal: 1, events: 1, exports: 1, registrations: 0 },
  );
  assert.match(readFileSync(path(), 'latin1'), /requests.*method.*GET/s);
  assert.deepEqual(warnings(), []);
});

test('nobody listens, or nobody can: success, and at most one message', async () => {
  const exporter = new UserEventsMetricExporter();
  const metrics = await collectSome();
  for (let i = 0; i < 3; ++i) assert.deepEqual(exportTo(exporter, metrics), { code: ExportResultCode.SUCCESS });
  assert.ok(warnings().length <= 1, warnings().join('\n'));
  if (warnings().length === 1) assert.match(warnings()[0], /^otelue no metrics are exported: ./);
  assert.equal(exporter.statistics().pointsExported, 0);
  await exporter.shutdown();
});

test('a point that is too large fails the export in words, and costs itself alone', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const metrics = await collect((meter) => {
    const counter = meter.createCounter('sizes');
    counter.add(1, { text: 'short' });
    counter.add(1, { text: 'x'.repeat(9000) });
  });
  const { code, error } = exportTo(exporter, metrics);
  assert.equal(code, ExportResultCode.FAILED);
  assert.match(error.message, /^otelue: 1 of 2 points was not exported; first sizes, point 1: too large/);
  const { pointsExported, pointsTooLarge } = exporter.statistics();
  assert.deepEqual({ pointsExported, pointsTooLarge }, { pointsExported: 1, pointsTooLarge: 1 });
});

test('metrics of a type that is not known fail in words, and the others go out', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const metrics = await collectSome();
  const [scope] = metrics.scopeMetrics;
  scope.metrics.unshift({ ...scope.metrics[0], dataPointType: 17 });
  const { code, error } = exportTo(exporter, metrics);
  assert.equal(code, ExportResultCode.FAILED);
  assert.equal(error.message, 'otelue: metric "c" has an unknown type of data points');
  assert.equal(exporter.statistics().pointsExported, 3);
});

test('what is broken fails in words, and the next export is whole', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const metrics = await collectSome();
  const hostile = new Proxy({}, { ownKeys: () => assert.fail('hostile') });
  const broken = { ...metrics, resource: { attributes: hostile } };
  for (const some of [broken, undefined, {}, { scopeMetrics: [{}] }]) {
    const { code, error } = exportTo(exporter, some);
    assert.equal(code, ExportResultCode.FAILED);
    assert.match(error.message, /^otelue: metrics could not be exported: /);
  }
  assert.deepEqual(exportTo(exporter, metrics), { code: ExportResultCode.SUCCESS });
  assert.equal(exporter.statistics().pointsExported, 3);
});

test('attributes that contain themselves end', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const metrics = await collectSome();
  const ring = { name: 'ring' };
  ring.self = [ring];
  const resource = { attributes: ring };
  assert.deepEqual(exportTo(exporter, { ...metrics, resource }), { code: ExportResultCode.SUCCESS });
  assert.equal(exporter.statistics().pointsExported, 3);
});

test('attributes that the program changes go out changed', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const attributes = { state: 'before', list: ['x'] };
  const metrics = await collect((meter) => meter.createCounter('c').add(1, attributes));
  exportTo(exporter, metrics);
  attributes.state = 'after';
  attributes.list.push('added');
  const size = statSync(path()).size;
  exportTo(exporter, metrics);
  const added = readFileSync(path(), 'latin1').slice(size);
  assert.ok(added.includes('after') && added.includes('added') && !added.includes('before'));
});

test('integers beyond int64 go out as doubles', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const metrics = await collect((meter) => {
    meter.createCounter('beyond', { valueType: ValueType.INT }).add(2 ** 63);
    meter.createUpDownCounter('least', { valueType: ValueType.INT }).add(-(2 ** 63));
  });
  assert.deepEqual(exportTo(exporter, metrics), { code: ExportResultCode.SUCCESS });
  const data = readFileSync(path());
  const double = Buffer.alloc(9, 0x21); // as_double: field 4, 8 bytes
  double.writeDoubleLE(2 ** 63, 1);
  const integer = Buffer.from('310000000000000080', 'hex'); // as_int: field 6, 8 bytes
  assert.ok(data.includes(double) && data.includes(integer));
});

test('after shutdown exports fail, and everything may be called', async () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const metrics = await collectSome();
  await exporter.forceFlush();
  exporter.export(metrics, () => void exporter.shutdown());
  await exporter.shutdown();
  const { code, error } = exportTo(exporter, metrics);
  assert.equal(code, ExportResultCode.FAILED);
  assert.equal(error.message, 'otelue: the exporter was shut down');
  await exporter.forceFlush();
  await exporter.shutdown();
  assert.equal(exporter.statistics().pointsExported, 3);
});

test('selectors are as the environment says, and code goes before it', () => {
  const temporalities = (exporter) =>
    Object.values(InstrumentType)
      .filter((type) => exporter.selectAggregationTemporality(type) === AggregationTemporality.DELTA)
      .sort();
  const some = ['COUNTER', 'GAUGE', 'HISTOGRAM', 'OBSERVABLE_COUNTER', 'OBSERVABLE_GAUGE'];
  assert.deepEqual(temporalities(new UserEventsMetricExporter()), some);
  process.env.OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE = ' LowMemory ';
  assert.deepEqual(temporalities(new UserEventsMetricExporter()), ['COUNTER', 'HISTOGRAM']);
  assert.deepEqual(temporalities(new UserEventsMetricExporter({ temporalityPreference: 'cumulative' })), []);
  const byType = (type) => (type === 'GAUGE' ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE);
  assert.deepEqual(temporalities(new UserEventsMetricExporter({ temporalityPreference: byType })), ['GAUGE']);

  const exponential = { type: AggregationType.EXPONENTIAL_HISTOGRAM };
  const byDefault = { type: AggregationType.DEFAULT };
  assert.deepEqual(new UserEventsMetricExporter().selectAggregation('HISTOGRAM'), byDefault);
  process.env.OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION = 'base2_exponential_bucket_histogram';
  const exporter = new UserEventsMetricExporter();
  assert.deepEqual(exporter.selectAggregation('HISTOGRAM'), exponential);
  assert.deepEqual(exporter.selectAggregation('COUNTER'), byDefault);
  const aggregationPreference = () => ({ type: AggregationType.DROP });
  const { type } = new UserEventsMetricExporter({ aggregationPreference }).selectAggregation('HISTOGRAM');
  assert.equal(type, AggregationType.DROP);
});

test('packing and sizes are as the environment says', async () => {
  process.env.OTEL_EXPORTER_USER_EVENTS_RECORDING = path();
  process.env.OTEL_EXPORTER_USER_EVENTS_PACKING = 'point';
  const exporter = new UserEventsMetricExporter();
  exportTo(exporter, await collectSome());
  assert.equal(exporter.statistics().events, 3);
  await exporter.shutdown();
  process.env.OTEL_EXPORTER_USER_EVENTS_PACKING = 'metric';
  process.env.OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES = '2000';
  const other = new UserEventsMetricExporter();
  exportTo(other, await collectSome(100));
  const { events, bytes, pointsExported } = other.statistics();
  assert.equal(pointsExported, 100);
  assert.equal(events, Math.ceil(bytes / 2000));
  assert.deepEqual(warnings(), []);
});

test('mistakes in settings are reported, and the defaults taken', async () => {
  process.env.OTEL_EXPORTER_USER_EVENTS_RECORDING = path();
  process.env.OTEL_EXPORTER_USER_EVENTS_PACKING = 'box';
  process.env.OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES = 'many';
  process.env.OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES = '9000';
  const exporter = new UserEventsMetricExporter();
  exportTo(exporter, await collectSome());
  assert.equal(exporter.statistics().events, 1);
  assert.deepEqual(warnings(), [
    'otelue OTEL_EXPORTER_USER_EVENTS_PACKING is set to "box": using metric',
    'otelue OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES is set to "many", which is no number of bytes: using the default',
    'otelue event limits of 0 and 9000 bytes are refused: using the defaults',
  ]);
});

test('a recording that cannot be opened is reported once, and exports nothing', async () => {
  const exporter = new UserEventsMetricExporter({ recording: directory });
  const metrics = await collectSome();
  for (let i = 0; i < 3; ++i) assert.deepEqual(exportTo(exporter, metrics), { code: ExportResultCode.SUCCESS });
  assert.deepEqual(warnings(), [`otelue no metrics are exported to ${directory}: EINVAL: invalid argument`]);
  assert.equal(exporter.statistics().pointsTotal, 0);
  await exporter.shutdown();
});

test('its own metrics go to a provider', async () => {
  const reader = new ManualReader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const exporter = new UserEventsMetricExporter({ recording: path(), meterProvider });
  exportTo(
    exporter,
    await collect((meter) => {
      const counter = meter.createCounter('sizes');
      counter.add(1, { text: 'short' });
      counter.add(1, { text: 'x'.repeat(9000) });
    }),
  );
  const { scopeMetrics } = (await reader.collect()).resourceMetrics;
  const points = Object.fromEntries(
    scopeMetrics[0].metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ value, attributes }) => [value.count ?? value, attributes['error.type']]),
    ]),
  );
  assert.deepEqual(points, {
    'otel.sdk.exporter.metric_data_point.exported': [
      [1, undefined],
      [1, 'too_large'],
    ],
    'otel.sdk.exporter.metric_data_point.inflight': [[0, undefined]],
    'otel.sdk.exporter.operation.duration': [[1, 'too_large']],
  });
});

test('threads have exporters of their own, which end with them', async () => {
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
    const { UserEventsMetricExporter } = require(workerData.module);
    const exporter = new UserEventsMetricExporter({ recording: workerData.path });
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    provider.getMeter('m').createCounter('c').add(1);
    provider.forceFlush().then(() => parentPort.postMessage(exporter.statistics().pointsExported));
  `;
  const module = createRequire(import.meta.url).resolve('../dist/index.js');
  const run = (number) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(program, { eval: true, workerData: { module, path: `${path()}${number}` } });
      let exported;
      worker.on('message', (message) => {
        exported = message;
      });
      worker.on('error', reject);
      worker.on('exit', (code) => resolve([code, exported]));
    });
  for (let round = 0; round < 5; ++round) {
    const ends = await Promise.all([0, 1, 2, 3].map((i) => run(4 * round + i)));
    assert.deepEqual(ends, Array(4).fill([0, 1]));
  }
});

test('series that come and go take constant memory', () => {
  const exporter = new UserEventsMetricExporter({ recording: path() });
  const descriptor = { name: 'c', description: '', unit: '', valueType: ValueType.INT };
  const sizes = [];
  for (let cycle = 0; cycle < 300; ++cycle) {
    const dataPoints = Array.from({ length: 1000 }, (_, i) => ({
      startTime: [1, 0],
      endTime: [2, 0],
      value: i,
      attributes: { series: `series ${1000 + cycle} ${i}`, method: 'GET' },
    }));
    const metric = { descriptor, dataPointType: 3, aggregationTemporality: 0, isMonotonic: true, dataPoints };
    const metrics = { resource: { attributes: {} }, scopeMetrics: [{ scope: { name: 's' }, metrics: [metric] }] };
    assert.deepEqual(exportTo(exporter, metrics), { code: ExportResultCode.SUCCESS });
    const { memory } = exporter.batch;
    sizes.push([memory.buffer.byteLength, memory.texts.size]);
  }
  assert.equal(exporter.statistics().pointsExported, 300_000);
  // After a while it holds on to no more than at any time before.
  const most = (some, which) => Math.max(...some.map((size) => size[which]));
  for (const which of [0, 1]) assert.ok(most(sizes.slice(50), which) <= most(sizes.slice(0, 50), which));
  assert.ok(most(sizes, 0) < 1 << 20 && most(sizes, 1) < 6000);
});
