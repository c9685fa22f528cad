// SPDX-License-Identifier: Apache-2.0

import { type HrTime, ValueType } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { AttributeWriter } from './attributes';
import { Memory } from './memory';
import {
  BATCH,
  BATCH_MAGIC,
  BATCH_VERSION,
  CUMULATIVE,
  DELTA,
  DOUBLE,
  EXPONENTIAL_HISTOGRAM,
  EXPONENTIAL_HISTOGRAM_KIND,
  GAUGE,
  HAS_MAX,
  HAS_MIN,
  HAS_NEGATIVE,
  HAS_POSITIVE,
  HAS_SUM,
  HISTOGRAM,
  HISTOGRAM_KIND,
  INT,
  METRIC,
  POINT,
  RESOURCE,
  SCOPE,
  SUM,
} from './records';

const TWO_TO_32 = 2 ** 32;
const TWO_TO_63 = 2 ** 63;

/** A time as two halves of a number of nanoseconds. Points have few different ones. */
class Time {
  low = 0;
  high = 0;
  private seconds = 0;
  private nanoseconds = 0;

  set(time: HrTime): void {
    if (time[0] === this.seconds && time[1] === this.nanoseconds) return;
    [this.seconds, this.nanoseconds] = time;
    if (this.seconds < 0) {
      this.low = this.high = 0;
      return;
    }
    // In pieces whose products are exact.
    const lower = (this.seconds & 0xffff) * 1e9 + this.nanoseconds;
    const upper = Math.floor(this.seconds / 0x10000) * 1e9;
    const low = lower + (((upper & 0xffff) << 16) >>> 0);
    this.low = low >>> 0;
    this.high = Math.floor(upper / 0x10000) + Math.floor(low / TWO_TO_32);
  }
}

/** Turns the SDK's collections into batches, in memory that it keeps. */
export class Batch {
  readonly memory = new Memory();
  /** Of this cycle. */
  points = 0;
  /** What is wrong with metrics that have no points that can be said. */
  readonly errors: string[] = [];

  private readonly attributes = new AttributeWriter(this.memory);
  private readonly start = new Time();
  private readonly end = new Time();
  /** The bounds that the last histogram had, which the next one is likely to share. */
  private bounds: readonly number[] | undefined;
  private boundsOff = 0;

  /** Makes the batch at the beginning of the memory, and returns its size. */
  build(collected: ResourceMetrics): number {
    let size: number;
    do {
      size = this.cycle(collected);
    } while (!this.memory.end());
    return size;
  }

  private cycle(collected: ResourceMetrics): number {
    const memory = this.memory;
    this.points = 0;
    this.errors.length = 0;
    this.bounds = undefined;
    memory.begin();
    this.attributes.begin();
    for (const { metrics } of collected.scopeMetrics) {
      for (const metric of metrics) this.points += kindOf(metric) === 0 ? 0 : metric.dataPoints.length;
    }
    const first = memory.reserve(this.points * POINT.size);
    const resource = this.resource(collected.resource);
    let point = first;
    for (const { scope, metrics } of collected.scopeMetrics) {
      const scopeOff = this.scope(scope);
      for (const metric of metrics) {
        const kind = kindOf(metric);
        if (kind === 0) {
          this.errors.push(`metric ${JSON.stringify(metric.descriptor.name)} has an unknown type of data points`);
        } else if (metric.dataPoints.length > 0) {
          this.metric(metric, kind, scopeOff, point);
          point += metric.dataPoints.length * POINT.size;
        }
      }
    }
    const { u32 } = memory;
    u32[BATCH.magic >> 2] = BATCH_MAGIC;
    u32[BATCH.version >> 2] = BATCH_VERSION | (BATCH.size << 16);
    u32[BATCH.total_size >> 2] = memory.used;
    u32[BATCH.flags >> 2] = 0;
    this.ref(BATCH.points, first, this.points);
    u32[BATCH.resource >> 2] = resource;
    u32[BATCH.reserved >> 2] = 0;
    return memory.used;
  }

  private ref(at: number, off: number, length: number): void {
    const { u32 } = this.memory;
    u32[at >> 2] = off;
    u32[(at >> 2) + 1] = length;
  }

  private text(at: number, text: string | undefined): void {
    const off = this.memory.text(text ?? '');
    this.ref(at, off, this.memory.u32[(off >> 2) - 1] as number);
  }

  private record(size: number): number {
    const off = this.memory.reserve(size);
    this.memory.u32.fill(0, off >> 2, (off + size) >> 2);
    return off;
  }

  private resource(resource: Resource): number {
    const count = this.attributes.write(resource.attributes ?? {});
    const run = this.attributes.off;
    const off = this.record(RESOURCE.size);
    this.ref(off + RESOURCE.attributes, run, count);
    this.text(off + RESOURCE.schema_url, (resource as { schemaUrl?: string }).schemaUrl);
    return off;
  }

  private scope(scope: InstrumentationScope & { attributes?: object; droppedAttributesCount?: number }): number {
    const count = this.attributes.write(scope.attributes ?? {});
    const run = this.attributes.off;
    const off = this.record(SCOPE.size);
    this.ref(off + SCOPE.attributes, run, count);
    this.text(off + SCOPE.name, scope.name);
    this.text(off + SCOPE.version, scope.version);
    this.text(off + SCOPE.schema_url, scope.schemaUrl);
    this.memory.u32[(off + SCOPE.dropped_attributes_count) >> 2] = scope.droppedAttributesCount ?? 0;
    return off;
  }

  private metric(metric: MetricData, kind: number, scope: number, firstPoint: number): void {
    const off = this.record(METRIC.size);
    const { descriptor } = metric;
    this.text(off + METRIC.name, descriptor.name);
    this.text(off + METRIC.description, descriptor.description);
    this.text(off + METRIC.unit, descriptor.unit);
    const { u32 } = this.memory;
    u32[(off + METRIC.scope) >> 2] = scope;
    u32[(off + METRIC.kind) >> 2] = kind;
    if (metric.dataPointType !== DataPointType.GAUGE) {
      u32[(off + METRIC.temporality) >> 2] = temporalityOf(metric.aggregationTemporality);
    }
    switch (metric.dataPointType) {
      case DataPointType.SUM:
        u32[(off + METRIC.is_monotonic) >> 2] = metric.isMonotonic ? 1 : 0;
        this.numbers(off, metric.dataPoints, descriptor.valueType, firstPoint);
        break;
      case DataPointType.GAUGE:
        this.numbers(off, metric.dataPoints, descriptor.valueType, firstPoint);
        break;
      case DataPointType.HISTOGRAM:
        this.histograms(off, metric.dataPoints, firstPoint);
        break;
      default:
        this.exponentialHistograms(off, metric.dataPoints, firstPoint);
    }
  }

  /** What points of all kinds have. `off` is that of the point. */
  private point(off: number, metric: number, point: DataPoint<unknown>, valueType: number, body: number): void {
    const { attributes, start, end } = this;
    const count = attributes.write(point.attributes);
    start.set(point.startTime);
    end.set(point.endTime);
    const { u32 } = this.memory;
    const at = off >> 2;
    u32[at + (POINT.metric >> 2)] = metric;
    u32[at + (POINT.flags >> 2)] = 0;
    u32[at + (POINT.start_time_unix_nano >> 2)] = start.low;
    u32[at + (POINT.start_time_unix_nano >> 2) + 1] = start.high;
    u32[at + (POINT.time_unix_nano >> 2)] = end.low;
    u32[at + (POINT.time_unix_nano >> 2) + 1] = end.high;
    u32[at + (POINT.attributes >> 2)] = attributes.off;
    u32[at + (POINT.attributes >> 2) + 1] = count;
    u32[at + (POINT.exemplars >> 2)] = 0;
    u32[at + (POINT.exemplars >> 2) + 1] = 0;
    u32[at + (POINT.value_type >> 2)] = valueType; // and the form of its attributes: records
    u32[at + (POINT.body >> 2)] = body;
  }

  private numbers(metric: number, points: DataPoint<number>[], valueType: ValueType, first: number): void {
    for (let i = 0, off = first; i < points.length; ++i, off += POINT.size) {
      const point = points[i] as DataPoint<number>;
      const value = point.value;
      // OTLP has no integers beyond int64, and a sum may leave it.
      if (valueType === ValueType.INT && Number.isInteger(value) && value >= -TWO_TO_63 && value < TWO_TO_63) {
        this.point(off, metric, point, INT, 0);
        this.uint64(off + POINT.as_int, value);
      } else {
        this.point(off, metric, point, DOUBLE, 0);
        this.memory.f64[(off + POINT.as_double) >> 3] = value;
      }
    }
  }

  private histograms(metric: number, points: DataPoint<Histogram>[], first: number): void {
    const { memory } = this;
    for (let i = 0, off = first; i < points.length; ++i, off += POINT.size) {
      const point = points[i] as DataPoint<Histogram>;
      const { buckets, count, sum, min, max } = point.value;
      const bounds = this.boundsOf(buckets.boundaries);
      const counts = this.counts(buckets.counts);
      const body = memory.reserve(HISTOGRAM.size);
      const at = body >> 2;
      this.uint64(body + HISTOGRAM.count, count);
      this.extent(body, 0, sum, min, max);
      const { u32 } = memory;
      u32[at + (HISTOGRAM.reserved0 >> 2)] = 0;
      u32[at + (HISTOGRAM.explicit_bounds >> 2)] = bounds;
      u32[at + (HISTOGRAM.explicit_bounds >> 2) + 1] = buckets.boundaries.length;
      u32[at + (HISTOGRAM.bucket_counts >> 2)] = counts;
      u32[at + (HISTOGRAM.bucket_counts >> 2) + 1] = buckets.counts.length;
      u32[at + (HISTOGRAM.reserved1 >> 2)] = 0;
      u32[at + (HISTOGRAM.reserved1 >> 2) + 1] = 0;
      this.point(off, metric, point, HISTOGRAM_KIND, body);
    }
  }

  private exponentialHistograms(metric: number, points: DataPoint<ExponentialHistogram>[], first: number): void {
    for (let i = 0, off = first; i < points.length; ++i, off += POINT.size) {
      const point = points[i] as DataPoint<ExponentialHistogram>;
      const { positive, negative, scale, zeroCount, count, sum, min, max } = point.value;
      const body = this.record(EXPONENTIAL_HISTOGRAM.size);
      this.uint64(body + EXPONENTIAL_HISTOGRAM.count, count);
      this.extent(body, HAS_POSITIVE | HAS_NEGATIVE, sum, min, max);
      this.uint64(body + EXPONENTIAL_HISTOGRAM.zero_count, zeroCount);
      this.memory.u32[(body + EXPONENTIAL_HISTOGRAM.scale) >> 2] = scale;
      this.memory.u32[(body + EXPONENTIAL_HISTOGRAM.positive_offset) >> 2] = positive.offset;
      this.memory.u32[(body + EXPONENTIAL_HISTOGRAM.negative_offset) >> 2] = negative.offset;
      this.ref(body + EXPONENTIAL_HISTOGRAM.positive, this.counts(positive.bucketCounts), positive.bucketCounts.length);
      this.ref(body + EXPONENTIAL_HISTOGRAM.negative, this.counts(negative.bucketCounts), negative.bucketCounts.length);
      this.point(off, metric, point, EXPONENTIAL_HISTOGRAM_KIND, body);
    }
  }

  /** Sum, minimum and maximum, which both kinds of histograms have in the same places. */
  private extent(
    body: number,
    has: number,
    sum: number | undefined,
    min: number | undefined,
    max: number | undefined,
  ): void {
    const { u32, f64 } = this.memory;
    if (sum !== undefined) f64[(body + HISTOGRAM.sum) >> 3] = sum;
    if (min !== undefined) f64[(body + HISTOGRAM.min) >> 3] = min;
    if (max !== undefined) f64[(body + HISTOGRAM.max) >> 3] = max;
    u32[(body + HISTOGRAM.has) >> 2] =
      has | (sum === undefined ? 0 : HAS_SUM) | (min === undefined ? 0 : HAS_MIN) | (max === undefined ? 0 : HAS_MAX);
  }

  private uint64(at: number, value: number): void {
    const { u32 } = this.memory;
    u32[at >> 2] = value;
    u32[(at >> 2) + 1] = Math.floor(value / TWO_TO_32);
  }

  private counts(counts: readonly number[]): number {
    const length = counts.length;
    const off = this.memory.reserve(length * 8);
    const { u32 } = this.memory;
    for (let i = 0, at = off >> 2; i < length; ++i, at += 2) {
      const count = counts[i] as number;
      u32[at] = count;
      u32[at + 1] = count < TWO_TO_32 ? 0 : count / TWO_TO_32;
    }
    return off;
  }

  private boundsOf(bounds: readonly number[]): number {
    if (bounds !== this.bounds) {
      this.bounds = bounds;
      this.boundsOff = this.memory.reserve(bounds.length * 8);
      this.memory.f64.set(bounds, this.boundsOff >> 3);
    }
    return this.boundsOff;
  }
}

/** 0 for data of a type that this release does not know. */
function kindOf(metric: MetricData): number {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return SUM;
    case DataPointType.GAUGE:
      return GAUGE;
    case DataPointType.HISTOGRAM:
      return HISTOGRAM_KIND;
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return EXPONENTIAL_HISTOGRAM_KIND;
    default:
      return 0;
  }
}

/** The SDK numbers them otherwise. The library refuses 0. */
function temporalityOf(temporality: AggregationTemporality): number {
  switch (temporality) {
    case AggregationTemporality.DELTA:
      return DELTA;
    case AggregationTemporality.CUMULATIVE:
      return CUMULATIVE;
    default:
      return 0;
  }
}
