// SPDX-License-Identifier: Apache-2.0

import { performance } from 'node:perf_hooks';
import { getSystemErrorMap } from 'node:util';
import type { MeterProvider } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type {
  AggregationOption,
  AggregationSelector,
  AggregationTemporality,
  AggregationTemporalitySelector,
  InstrumentType,
  PushMetricExporter,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Addon, type Handle, loadAddon } from './addon';
import { Batch } from './batch';
import { RESULT, STATISTICS, STEP_REGISTERED } from './records';
import * as settings from './settings';
import { logger } from './settings';
import { Telemetry } from './telemetry';

const SUCCESS: ExportResult = { code: ExportResultCode.SUCCESS };
const EINVAL = -22;

/** Each goes before what the environment says, see the README. */
export interface UserEventsMetricExporterOptions {
  /** OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, default `delta`; or a temporality for each type of instrument. */
  temporalityPreference?: settings.TemporalityPreference | AggregationTemporalitySelector;
  /** An aggregation for each type of instrument, before defaultHistogramAggregation. */
  aggregationPreference?: AggregationSelector;
  /** OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION, default `explicit_bucket_histogram`. */
  defaultHistogramAggregation?: settings.HistogramAggregation;
  /**
   * Which points share an event, those of one `metric` (default), no `point`, or all of the `request`:
   * OTEL_EXPORTER_USER_EVENTS_PACKING.
   */
  packing?: settings.Packing;
  /** Up to which size an event gets further points: OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES, default 4048. */
  targetEventBytes?: number;
  /** Of an event with a single point: OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES, default 8168. */
  maxEventBytes?: number;
  /** A file to write to instead, which `otelue watch FILE` reads: OTEL_EXPORTER_USER_EVENTS_RECORDING. */
  recording?: string;
  /** Gets the exporter's own metrics, `otel.sdk.exporter.*`. Default: nobody does. */
  meterProvider?: MeterProvider;
}

/** Totals of all exports of an exporter that somebody listened to. All are 0 without an addon. */
export interface Statistics {
  /** Calls of the library that were not refused whole, that were, and during which the listener left. */
  exports: number;
  exportsRefused: number;
  exportsUnheard: number;
  /** The sum of the five below. */
  pointsTotal: number;
  /** In events that the kernel took. */
  pointsExported: number;
  /** Refused. */
  pointsInvalid: number;
  pointsTooLarge: number;
  /** In events that the kernel refused. */
  pointsUnwritten: number;
  /** Not written because the listener had left. */
  pointsUnheard: number;
  stringsAsBytes: number;
  valuesEmptied: number;
  exemplarsDropped: number;
  events: number;
  /** Of OTLP in those events. */
  bytes: number;
  /** How often the tracepoint was registered. */
  registrations: number;
}

/**
 * Exports metrics to the Linux tracepoint `user_events:otlp_metrics`. It never throws. Without a kernel that has
 * user_events, permission or an addon it says so once through `diag`, and exports nothing.
 */
export class UserEventsMetricExporter implements PushMetricExporter {
  private readonly selectTemporality: AggregationTemporalitySelector;
  private readonly aggregations: AggregationSelector;
  private readonly telemetry: Telemetry;
  private readonly batch = new Batch();
  private readonly result = new ArrayBuffer(RESULT.size);
  private readonly results = new Uint32Array(this.result);
  private readonly addon: Addon | undefined;
  private readonly handle: Handle | undefined;
  /** Why nobody could listen when it was last asked. */
  private step = STEP_REGISTERED;
  private isShutDown = false;

  constructor(options: UserEventsMetricExporterOptions = {}) {
    this.selectTemporality = settings.temporality(options.temporalityPreference);
    this.aggregations = options.aggregationPreference ?? settings.aggregation(options.defaultHistogramAggregation);
    this.telemetry = new Telemetry(options.meterProvider);
    try {
      this.addon = loadAddon();
    } catch (error) {
      const [reason] = messageOf(error).split('\n');
      logger.warn(`no metrics are exported: ${reason}`);
      return;
    }
    this.handle = open(this.addon, options);
    if (this.handle !== undefined) this.report(this.addon.listening(this.handle));
  }

  /** Calls back before it returns. */
  export(metrics: ResourceMetrics, resultCallback: (result: ExportResult) => void): void {
    let result: ExportResult;
    try {
      result = this.exportNow(metrics);
    } catch (error) {
      // What the SDK hands over may be broken in any way.
      this.batch.memory.startOver();
      result = failure(`metrics could not be exported: ${messageOf(error)}`);
    }
    resultCallback(result);
  }

  private exportNow(metrics: ResourceMetrics): ExportResult {
    if (this.isShutDown) return failure('the exporter was shut down');
    const { addon, handle, batch } = this;
    if (addon === undefined || handle === undefined) return SUCCESS;
    const step = addon.listening(handle);
    this.report(step);
    if (step >= 0) {
      logger.debug('nobody listens to user_events');
      return SUCCESS;
    }
    const started = performance.now();
    let done: Uint32Array | undefined;
    try {
      const size = batch.build(metrics);
      this.telemetry.begin(batch.points);
      const returned = addon.export(handle, batch.memory.buffer, size, this.result);
      done = this.results;
      const exported = this.results[RESULT.points_exported >> 2];
      logger.debug(`exported ${exported} of ${batch.points} points in ${this.results[RESULT.events >> 2]} events`);
      const errors = returned === 0 ? [] : [addon.describe(batch.memory.buffer, size, returned, this.result)];
      errors.push(...batch.errors);
      return errors.length === 0 ? SUCCESS : failure(errors.join('; '));
    } finally {
      this.telemetry.end(batch.points, done, performance.now() - started);
    }
  }

  /** Says once why nobody can listen. */
  private report(step: number): void {
    const now = Math.max(step, STEP_REGISTERED);
    if (now === this.step) return;
    this.step = now;
    if (now !== STEP_REGISTERED) {
      logger.warn(`no metrics are exported: ${(this.addon as Addon).status(this.handle as Handle)}`);
    }
  }

  selectAggregation(instrumentType: InstrumentType): AggregationOption {
    return this.aggregations(instrumentType);
  }

  selectAggregationTemporality(instrumentType: InstrumentType): AggregationTemporality {
    return this.selectTemporality(instrumentType);
  }

  /** Has nothing to do: every export is complete when it returns. */
  async forceFlush(): Promise<void> {}

  /** Unregisters the tracepoint. Later exports fail. */
  async shutdown(): Promise<void> {
    if (this.isShutDown) return;
    this.isShutDown = true;
    if (this.addon === undefined || this.handle === undefined) return;
    const returned = this.addon.shutdown(this.handle);
    if (returned !== 0) logger.warn(this.addon.describe(undefined, 0, returned));
  }

  statistics(): Statistics {
    const totals = new BigUint64Array(STATISTICS.size / 8);
    if (this.addon !== undefined && this.handle !== undefined) this.addon.statistics(this.handle, totals.buffer);
    const of = (offset: number): number => Number(totals[offset / 8]);
    return {
      exports: of(STATISTICS.exports),
      exportsRefused: of(STATISTICS.exports_refused),
      exportsUnheard: of(STATISTICS.exports_unheard),
      pointsTotal: of(STATISTICS.points_total),
      pointsExported: of(STATISTICS.points_exported),
      pointsInvalid: of(STATISTICS.points_invalid),
      pointsTooLarge: of(STATISTICS.points_too_large),
      pointsUnwritten: of(STATISTICS.points_unwritten),
      pointsUnheard: of(STATISTICS.points_unheard),
      stringsAsBytes: of(STATISTICS.strings_as_bytes),
      valuesEmptied: of(STATISTICS.values_emptied),
      exemplarsDropped: of(STATISTICS.exemplars_dropped),
      events: of(STATISTICS.events),
      bytes: of(STATISTICS.bytes),
      registrations: of(STATISTICS.registrations),
    };
  }

  /** For the provider that this exporter belongs to, which is made after it: see the option `meterProvider`. */
  setMeterProvider(meterProvider: MeterProvider): void {
    this.telemetry.setMeterProvider(meterProvider);
  }
}

function open(addon: Addon, options: UserEventsMetricExporterOptions): Handle | undefined {
  const packing = settings.packing(options.packing);
  const target = settings.eventBytes('target', options.targetEventBytes);
  const max = settings.eventBytes('max', options.maxEventBytes);
  const recording = settings.recording(options.recording);
  let opened = addon.open(packing, target, max, recording);
  if (opened === EINVAL && (target !== 0 || max !== 0)) {
    logger.warn(`event limits of ${target} and ${max} bytes are refused: using the defaults`);
    opened = addon.open(packing, 0, 0, recording);
  }
  if (typeof opened !== 'number') return opened;
  const [name, words] = getSystemErrorMap().get(opened) ?? [opened, 'unknown error'];
  logger.warn(`no metrics are exported to ${recording ?? 'user_events'}: ${name}: ${words}`);
  return undefined;
}

function failure(message: string): ExportResult {
  return { code: ExportResultCode.FAILED, error: new Error(`otelue: ${message}`) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
