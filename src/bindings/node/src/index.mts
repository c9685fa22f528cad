// SPDX-License-Identifier: Apache-2.0

// The same exporter for both kinds of modules.
export {
  type HistogramAggregation,
  type Packing,
  type Statistics,
  type TemporalityPreference,
  UserEventsMetricExporter,
  type UserEventsMetricExporterOptions,
} from './index.js';
