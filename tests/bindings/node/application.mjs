// SPDX-License-Identifier: Apache-2.0
// Applications of application.py on the SDK of Node.js.

import { ValueType } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationType,
  createAllowListAttributesProcessor,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';

export class Reader extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

function double(bits) {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

function valueFrom(value) {
  const [[type, content]] = Object.entries(value);
  switch (type) {
    case 'int':
      return Number(content);
    case 'double':
      return double(content);
    case 'bytes':
      return new Uint8Array(Buffer.from(content, 'hex'));
    case 'array':
      return content.map(valueFrom);
    case 'map':
      return attributesOf(content);
    case 'empty':
      return null;
    default:
      return content;
  }
}

function attributesOf(attributes) {
  return Object.fromEntries(attributes.map(([key, value]) => [key, valueFrom(value)]));
}

function viewOf({ instrument, name, description, aggregation, bounds, ...view }) {
  const options = { instrumentName: instrument };
  if (name !== undefined) options.name = name;
  if (description !== undefined) options.description = description;
  if (view.attribute_keys !== undefined) {
    options.attributesProcessors = [createAllowListAttributesProcessor(view.attribute_keys)];
  }
  if (aggregation === 'drop') options.aggregation = { type: AggregationType.DROP };
  if (aggregation === 'exponential') {
    options.aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: view.max_size } };
  }
  if (aggregation === 'histogram') {
    options.aggregation = {
      type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
      options: { boundaries: bounds, recordMinMax: view.record_min_max ?? true },
    };
  }
  return options;
}

const METHODS = {
  counter: ['createCounter', 'add'],
  up_down_counter: ['createUpDownCounter', 'add'],
  gauge: ['createGauge', 'record'],
  histogram: ['createHistogram', 'record'],
  observable_counter: ['createObservableCounter'],
  observable_up_down_counter: ['createObservableUpDownCounter'],
  observable_gauge: ['createObservableGauge'],
};

/** The application with a reader. */
export class Program {
  constructor(application, temporality) {
    this.reader = new Reader({
      aggregationTemporalitySelector: temporality,
      cardinalitySelector: () => Number.POSITIVE_INFINITY,
    });
    const { resource } = application;
    const provider = new MeterProvider({
      resource: resourceFromAttributes(attributesOf(resource.attributes), { schemaUrl: resource.schema_url }),
      readers: [this.reader],
      views: application.views.map(viewOf),
    });
    this.sets = application.attribute_sets.map(attributesOf);
    const meters = application.scopes.map((s) => provider.getMeter(s.name, s.version, { schemaUrl: s.schema_url }));
    this.records = application.instruments.map((instrument) => this.create(meters[instrument.scope], instrument));
  }

  /** What measures. */
  create(meter, { kind, name, unit, description, number }) {
    const [create, record] = METHODS[kind];
    const valueType = number === 'int' ? ValueType.INT : ValueType.DOUBLE;
    const instrument = meter[create](name, { unit, description, valueType });
    const convert = number === 'int' ? Number : double;
    if (record !== undefined) return (text, attributes) => instrument[record](convert(text), attributes);
    const observed = [];
    instrument.addCallback((result) => {
      for (const [value, attributes] of observed.splice(0)) result.observe(value, attributes);
    });
    return (text, attributes) => observed.push([convert(text), attributes]);
  }

  /** The collection of a cycle. */
  async run(cycle) {
    for (const [instrument, attributes, number] of cycle) this.records[instrument](number, this.sets[attributes]);
    const { resourceMetrics, errors } = await this.reader.collect();
    if (errors.length > 0) throw errors[0];
    return resourceMetrics;
  }
}
