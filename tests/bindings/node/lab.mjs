// SPDX-License-Identifier: Apache-2.0
// Exports every 300 ms, as lab.py asks.

import { ValueType } from '@opentelemetry/api';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { UserEventsMetricExporter } from '../../../src/bindings/node/dist/index.mjs';

class Reporting extends UserEventsMetricExporter {
  export(metrics, resultCallback) {
    super.export(metrics, (result) => {
      const [{ value }, ...others] = metrics.scopeMetrics[0].metrics[0].dataPoints;
      const totals = this.statistics();
      const statistics = {
        points_exported: totals.pointsExported,
        points_unheard: totals.pointsUnheard,
        points_unwritten: totals.pointsUnwritten,
        points_invalid: totals.pointsInvalid,
        points_too_large: totals.pointsTooLarge,
      };
      console.log(JSON.stringify({ interval: value, produced: 1 + others.length, statistics }));
      resultCallback(result);
    });
  }
}

const reader = new PeriodicExportingMetricReader({
  exporter: new Reporting(),
  exportIntervalMillis: 300,
  exportTimeoutMillis: 300,
});
const provider = new MeterProvider({ readers: [reader] });
let number = 0;
provider
  .getMeter('lab')
  .createObservableGauge('interval', { valueType: ValueType.INT })
  .addCallback((result) => {
    ++number;
    for (let series = 0; series < 200; ++series) result.observe(number, { series, name: 'of one of them' });
  });
for await (const _ of process.stdin);
await provider.shutdown();
