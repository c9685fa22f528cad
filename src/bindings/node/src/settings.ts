// SPDX-License-Identifier: Apache-2.0

import { diag } from '@opentelemetry/api';
import { getStringFromEnv } from '@opentelemetry/core';
import {
  type AggregationSelector,
  AggregationTemporality,
  type AggregationTemporalitySelector,
  AggregationType,
  InstrumentType,
} from '@opentelemetry/sdk-metrics';
import { PACKINGS } from './records';

export type TemporalityPreference = 'delta' | 'cumulative' | 'lowmemory';
export type HistogramAggregation = 'explicit_bucket_histogram' | 'base2_exponential_bucket_histogram';
export type Packing = keyof typeof PACKINGS;

export const logger = diag.createComponentLogger({ namespace: 'otelue' });

const OTLP = 'OTEL_EXPORTER_OTLP_METRICS_';
const OURS = 'OTEL_EXPORTER_USER_EVENTS_';

const { DELTA, CUMULATIVE } = AggregationTemporality;

const TEMPORALITIES: Record<TemporalityPreference, AggregationTemporalitySelector> = {
  cumulative: () => CUMULATIVE,
  delta: (type) =>
    type === InstrumentType.UP_DOWN_COUNTER || type === InstrumentType.OBSERVABLE_UP_DOWN_COUNTER ? CUMULATIVE : DELTA,
  lowmemory: (type) => (type === InstrumentType.COUNTER || type === InstrumentType.HISTOGRAM ? DELTA : CUMULATIVE),
};

const AGGREGATIONS: Record<HistogramAggregation, AggregationSelector> = {
  explicit_bucket_histogram: () => ({ type: AggregationType.DEFAULT }),
  base2_exponential_bucket_histogram: (type) => ({
    type: type === InstrumentType.HISTOGRAM ? AggregationType.EXPONENTIAL_HISTOGRAM : AggregationType.DEFAULT,
  }),
};

export function temporality(
  said: TemporalityPreference | AggregationTemporalitySelector | undefined,
): AggregationTemporalitySelector {
  if (typeof said === 'function') return said;
  return choice(TEMPORALITIES, 'delta', `${OTLP}TEMPORALITY_PREFERENCE`, 'temporalityPreference', said);
}

export function aggregation(said: HistogramAggregation | undefined): AggregationSelector {
  const variable = `${OTLP}DEFAULT_HISTOGRAM_AGGREGATION`;
  return choice(AGGREGATIONS, 'explicit_bucket_histogram', variable, 'defaultHistogramAggregation', said);
}

export function packing(said: Packing | undefined): number {
  return choice(PACKINGS, 'metric', `${OURS}PACKING`, 'packing', said);
}

/** Whether the library accepts it is another question. 0 is the default. */
export function eventBytes(which: 'target' | 'max', said: number | undefined): number {
  const variable = `${OURS}${which.toUpperCase()}_EVENT_BYTES`;
  const text = said ?? getStringFromEnv(variable);
  const bytes = Number(text ?? 0);
  if (Number.isInteger(bytes) && bytes >= 0 && bytes < 2 ** 32) return bytes;
  const name = said === undefined ? variable : `${which}EventBytes`;
  logger.warn(`${name} is set to ${JSON.stringify(text)}, which is no number of bytes: using the default`);
  return 0;
}

export function recording(said: string | undefined): string | undefined {
  return said ?? getStringFromEnv(`${OURS}RECORDING`);
}

function choice<T>(choices: Record<string, T>, otherwise: string, variable: string, option: string, said?: string): T {
  const text = said ?? getStringFromEnv(variable);
  const wanted = text === undefined ? otherwise : String(text).trim().toLowerCase();
  if (Object.hasOwn(choices, wanted)) return choices[wanted] as T;
  const name = said === undefined ? variable : option;
  logger.warn(`${name} is set to ${JSON.stringify(text)}: using ${otherwise}`);
  return choices[otherwise] as T;
}
