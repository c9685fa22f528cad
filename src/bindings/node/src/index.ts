// SPDX-License-Identifier: Apache-2.0

export { type Statistics, UserEventsMetricExporter, type UserEventsMetricExporterOptions } from './exporter';
export type { HistogramAggregation, Packing, TemporalityPreference } from './settings';
