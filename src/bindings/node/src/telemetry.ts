// SPDX-License-Identifier: Apache-2.0

import { getSystemErrorName } from 'node:util';
import {
  type Counter,
  createNoopMeter,
  type Histogram,
  type MeterProvider,
  type UpDownCounter,
} from '@opentelemetry/api';
import { RESULT } from './records';

const COMPONENT_TYPE = 'user_events_metric_exporter';
let exporters = 0;

/** The exporter's own metrics, as the semantic conventions name them. Without a provider they go nowhere. */
export class Telemetry {
  private readonly attributes: Record<string, string>;
  private exported!: Counter;
  private inflight!: UpDownCounter;
  private duration!: Histogram;

  constructor(meterProvider: MeterProvider | undefined) {
    this.attributes = {
      'otel.component.type': COMPONENT_TYPE,
      'otel.component.name': `${COMPONENT_TYPE}/${exporters++}`,
    };
    this.setMeterProvider(meterProvider);
  }

  setMeterProvider(meterProvider: MeterProvider | undefined): void {
    const meter = meterProvider?.getMeter('otelue') ?? createNoopMeter();
    this.exported = meter.createCounter('otel.sdk.exporter.metric_data_point.exported', {
      unit: '{data_point}',
      description: 'The number of metric data points for which the export has finished, either successful or failed.',
    });
    this.inflight = meter.createUpDownCounter('otel.sdk.exporter.metric_data_point.inflight', {
      unit: '{data_point}',
      description:
        'The number of metric data points which were passed to the exporter, but that have not been exported yet.',
    });
    this.duration = meter.createHistogram('otel.sdk.exporter.operation.duration', {
      unit: 's',
      description: 'The duration of exporting a batch of telemetry records.',
      advice: { explicitBucketBoundaries: [] },
    });
  }

  begin(points: number): void {
    this.inflight.add(points, this.attributes);
  }

  /** Without a result the export failed as a whole. */
  end(points: number, result: Uint32Array | undefined, milliseconds: number): void {
    this.inflight.add(-points, this.attributes);
    const outcomes: [number, string][] =
      result === undefined
        ? [[points, '_OTHER']]
        : [
            [result[RESULT.points_exported >> 2] as number, ''],
            [result[RESULT.points_invalid >> 2] as number, 'invalid'],
            [result[RESULT.points_too_large >> 2] as number, 'too_large'],
            [result[RESULT.points_unwritten >> 2] as number, errorName(result[RESULT.last_errno >> 2] as number)],
          ];
    let durationAttributes = this.attributes;
    for (const [count, error] of outcomes) {
      if (count === 0) continue;
      const attributes = error === '' ? this.attributes : { ...this.attributes, 'error.type': error };
      if (error !== '' && durationAttributes === this.attributes) durationAttributes = attributes;
      this.exported.add(count, attributes);
    }
    this.duration.record(milliseconds / 1000, durationAttributes);
  }
}

/** Of the two's complement of a negative errno. */
function errorName(errno: number): string {
  const signed = -Math.abs(errno | 0);
  return signed === 0 ? '_OTHER' : getSystemErrorName(signed);
}
