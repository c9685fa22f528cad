// SPDX-License-Identifier: Apache-2.0
// Runs an application of application.py on the SDK of Node.js: rows.mjs APPLICATION OUT. See compare.py.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ExportResultCode } from '@opentelemetry/core';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { UserEventsMetricExporter } from '../../../src/bindings/node/dist/index.mjs';
import { Program } from './application.mjs';

const application = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const temporalityPreference of ['delta', 'cumulative']) {
  const path = join(process.argv[3], temporalityPreference);
  const exporters = ['metric', 'point', 'request'].map(
    (packing) => new UserEventsMetricExporter({ temporalityPreference, packing, recording: `${path}.${packing}` }),
  );
  const sdk = openSync(`${path}.sdk`, 'w');
  const program = new Program(application, (type) => exporters[0].selectAggregationTemporality(type));
  for (const cycle of application.cycles) {
    const collected = await program.run(cycle);
    const request = ProtobufMetricsSerializer.serializeRequest(collected);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(request.length);
    writeSync(sdk, size);
    writeSync(sdk, request);
    for (const exporter of exporters) {
      exporter.export(collected, ({ code, error }) => {
        if (code !== ExportResultCode.SUCCESS) throw error;
      });
    }
  }
  closeSync(sdk);
  for (const exporter of exporters) await exporter.shutdown();
}
