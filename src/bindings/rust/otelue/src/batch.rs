// SPDX-License-Identifier: Apache-2.0
//! Turns collections of the SDK into batches: the header, the points, and behind them all that they refer to.
//!
//! Nothing is kept from one cycle to the next but the memory: the SDK copies all attributes at each collection, so that
//! finding an encoded set takes as long as making the records anew.
// An offset that does not fit is of a batch that is too large, which `build` refuses.
#![allow(clippy::cast_possible_truncation)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint,
    Metric, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::Resource;
use otelue_sys as sys;
use sys::otelue_ref;

use crate::attributes::{pair, Attributes};
use crate::memory::Memory;

/// A collection that does not fit into a batch, whose offsets have 32 bits.
#[derive(Debug)]
pub(crate) struct TooLarge;

#[derive(Default)]
pub(crate) struct Batch {
    memory: Memory,
    points: otelue_ref,
    /// The index of the next point.
    next: usize,
    attributes: Attributes,
    /// The bounds that the last histogram had, which the next one is likely to share.
    bounds: Vec<f64>,
    bounds_ref: otelue_ref,
}

/// What the points of a metric have in common.
#[derive(Clone, Copy)]
struct Head {
    metric: u32,
    kind: u32,
    start: u64,
    end: u64,
}

pub(crate) trait Number: Copy {
    /// Its type, and itself as one or the other.
    fn parts(self) -> (u32, i64, f64);
    fn as_f64(self) -> f64;
}

impl Number for i64 {
    fn parts(self) -> (u32, i64, f64) {
        (sys::OTELUE_INT, self, 0.0)
    }
    #[allow(clippy::cast_precision_loss)]
    fn as_f64(self) -> f64 {
        self as f64
    }
}

impl Number for u64 {
    /// OTLP has no unsigned numbers.
    fn parts(self) -> (u32, i64, f64) {
        i64::try_from(self).map_or((sys::OTELUE_DOUBLE, 0, self.as_f64()), Number::parts)
    }
    #[allow(clippy::cast_precision_loss)]
    fn as_f64(self) -> f64 {
        self as f64
    }
}

impl Number for f64 {
    fn parts(self) -> (u32, i64, f64) {
        (sys::OTELUE_DOUBLE, 0, self)
    }
    fn as_f64(self) -> f64 {
        self
    }
}

impl Batch {
    /// Returns a batch that says what the collection says.
    pub(crate) fn build(&mut self, metrics: &ResourceMetrics) -> Result<&[u8], TooLarge> {
        self.start(metrics.scope_metrics().flat_map(ScopeMetrics::metrics).map(points_of).sum());
        let resource = self.resource(metrics.resource());
        for some in metrics.scope_metrics() {
            let scope = self.scope(some.scope());
            for metric in some.metrics() {
                self.metric(scope, metric);
                if self.memory.bytes().len() > u32::MAX as usize {
                    self.memory = Memory::default();
                    return Err(TooLarge);
                }
            }
        }
        Ok(self.finish(resource))
    }

    fn start(&mut self, points: usize) {
        self.memory.clear();
        self.attributes.clear();
        self.bounds.clear();
        self.bounds_ref = otelue_ref::default();
        self.next = 0;
        self.memory.reserve::<sys::otelue_batch>(1);
        self.points = self.memory.reserve::<sys::otelue_point>(points);
    }

    fn finish(&mut self, resource: u32) -> &[u8] {
        let header = sys::otelue_batch {
            magic: sys::OTELUE_BATCH_MAGIC,
            version: sys::OTELUE_BATCH_VERSION,
            header_size: std::mem::size_of::<sys::otelue_batch>() as u16,
            total_size: self.memory.bytes().len() as u32,
            points: self.points,
            resource,
            ..Default::default()
        };
        self.memory.set(otelue_ref::default(), 0, &header);
        self.memory.bytes()
    }

    fn resource(&mut self, resource: &Resource) -> u32 {
        let attributes = self.attributes.put(&mut self.memory, resource.iter());
        let schema_url = self.memory.text(resource.schema_url().unwrap_or_default());
        self.memory.put(&sys::otelue_resource { attributes, schema_url, ..Default::default() })
    }

    fn scope(&mut self, scope: &InstrumentationScope) -> u32 {
        let record = sys::otelue_scope {
            name: self.memory.text(scope.name()),
            version: self.memory.text(scope.version().unwrap_or_default()),
            schema_url: self.memory.text(scope.schema_url().unwrap_or_default()),
            attributes: self.attributes.put(&mut self.memory, scope.attributes().map(pair)),
            ..Default::default()
        };
        self.memory.put(&record)
    }

    fn metric(&mut self, scope: u32, metric: &Metric) {
        match metric.data() {
            AggregatedMetrics::F64(data) => self.data(scope, metric, data),
            AggregatedMetrics::U64(data) => self.data(scope, metric, data),
            AggregatedMetrics::I64(data) => self.data(scope, metric, data),
        }
    }

    fn head(&mut self, scope: u32, metric: &Metric, kind: u32, temporality: u32, is_monotonic: bool) -> u32 {
        let record = sys::otelue_metric {
            scope,
            kind,
            name: self.memory.text(metric.name()),
            description: self.memory.text(metric.description()),
            unit: self.memory.text(metric.unit()),
            temporality,
            is_monotonic: is_monotonic.into(),
            ..Default::default()
        };
        self.memory.put(&record)
    }

    fn data<T: Number>(&mut self, scope: u32, metric: &Metric, data: &MetricData<T>) {
        match data {
            MetricData::Gauge(gauge) => {
                let kind = sys::OTELUE_GAUGE;
                let off = self.head(scope, metric, kind, 0, false);
                let start = gauge.start_time().map_or(0, nanoseconds);
                let head = Head { metric: off, kind, start, end: nanoseconds(gauge.time()) };
                for p in gauge.data_points() {
                    self.number(head, p.value(), p.attributes(), p.exemplars());
                }
            }
            MetricData::Sum(sum) => {
                let kind = sys::OTELUE_SUM;
                let off = self.head(scope, metric, kind, temporality(sum.temporality()), sum.is_monotonic());
                let head =
                    Head { metric: off, kind, start: nanoseconds(sum.start_time()), end: nanoseconds(sum.time()) };
                for p in sum.data_points() {
                    self.number(head, p.value(), p.attributes(), p.exemplars());
                }
            }
            MetricData::Histogram(histogram) => self.histograms(scope, metric, histogram),
            MetricData::ExponentialHistogram(histogram) => self.exponential_histograms(scope, metric, histogram),
        }
    }

    fn number<'a, T: Number + 'a>(
        &mut self,
        head: Head,
        value: T,
        attributes: impl Iterator<Item = &'a KeyValue>,
        exemplars: impl Iterator<Item = &'a Exemplar<T>>,
    ) {
        let (value_type, as_int, as_double) = value.parts();
        let mut point = self.point(head, attributes, exemplars);
        (point.value_type, point.as_int, point.as_double) = (value_type as u16, as_int, as_double);
        self.put_point(&point);
    }

    /// A point of the kind of its metric, whose body is still to be set.
    fn point<'a, T: Number + 'a>(
        &mut self,
        head: Head,
        attributes: impl Iterator<Item = &'a KeyValue>,
        exemplars: impl Iterator<Item = &'a Exemplar<T>>,
    ) -> sys::otelue_point {
        sys::otelue_point {
            metric: head.metric,
            start_time_unix_nano: head.start,
            time_unix_nano: head.end,
            attributes: self.attributes.put(&mut self.memory, attributes.map(pair)),
            exemplars: self.exemplars(exemplars),
            value_type: head.kind as u16,
            attributes_form: sys::OTELUE_ATTRIBUTE_RECORDS,
            ..Default::default()
        }
    }

    fn put_point(&mut self, point: &sys::otelue_point) {
        self.memory.set(self.points, self.next, point);
        self.next += 1;
    }

    fn histograms<T: Number>(&mut self, scope: u32, metric: &Metric, data: &Histogram<T>) {
        let kind = sys::OTELUE_HISTOGRAM;
        let off = self.head(scope, metric, kind, temporality(data.temporality()), false);
        let head = Head { metric: off, kind, start: nanoseconds(data.start_time()), end: nanoseconds(data.time()) };
        for p in data.data_points() {
            let mut point = self.point(head, p.attributes(), p.exemplars());
            point.body = self.histogram(p);
            self.put_point(&point);
        }
    }

    fn histogram<T: Number>(&mut self, p: &HistogramDataPoint<T>) -> u32 {
        let (has, min, max) = extrema(p.min(), p.max());
        let record = sys::otelue_histogram {
            count: p.count(),
            sum: p.sum().as_f64(),
            min,
            max,
            has,
            explicit_bounds: self.bounds(p),
            bucket_counts: self.memory.put_numbers(p.bucket_counts()),
            ..Default::default()
        };
        self.memory.put(&record)
    }

    fn bounds<T>(&mut self, p: &HistogramDataPoint<T>) -> otelue_ref {
        if !p.bounds().map(f64::to_bits).eq(self.bounds.iter().copied().map(f64::to_bits)) {
            self.bounds.clear();
            self.bounds.extend(p.bounds());
            self.bounds_ref = self.memory.put_all(&self.bounds);
        }
        self.bounds_ref
    }

    fn exponential_histograms<T: Number>(&mut self, scope: u32, metric: &Metric, data: &ExponentialHistogram<T>) {
        let kind = sys::OTELUE_EXPONENTIAL_HISTOGRAM;
        let off = self.head(scope, metric, kind, temporality(data.temporality()), false);
        let head = Head { metric: off, kind, start: nanoseconds(data.start_time()), end: nanoseconds(data.time()) };
        for p in data.data_points() {
            let mut point = self.point(head, p.attributes(), p.exemplars());
            point.body = self.exponential_histogram(p);
            self.put_point(&point);
        }
    }

    fn exponential_histogram<T: Number>(&mut self, p: &ExponentialHistogramDataPoint<T>) -> u32 {
        let (has, min, max) = extrema(p.min(), p.max());
        let record = sys::otelue_exponential_histogram {
            count: p.count() as u64,
            sum: p.sum().as_f64(),
            min,
            max,
            has: has | sys::OTELUE_HAS_POSITIVE | sys::OTELUE_HAS_NEGATIVE,
            scale: p.scale().into(),
            zero_count: p.zero_count(),
            zero_threshold: p.zero_threshold(),
            positive_offset: p.positive_bucket().offset(),
            negative_offset: p.negative_bucket().offset(),
            positive: self.memory.put_numbers(p.positive_bucket().counts()),
            negative: self.memory.put_numbers(p.negative_bucket().counts()),
            ..Default::default()
        };
        self.memory.put(&record)
    }

    fn exemplars<'a, T: Number + 'a>(&mut self, some: impl Iterator<Item = &'a Exemplar<T>>) -> otelue_ref {
        let mut records = Vec::new(); // which takes no memory while it is empty
        for e in some {
            let mut record = exemplar(e.value, e.time(), *e.trace_id(), *e.span_id());
            record.filtered_attributes = self.attributes.put(&mut self.memory, e.filtered_attributes().map(pair));
            records.push(record);
        }
        self.memory.put_all(&records)
    }
}

fn exemplar<T: Number>(value: T, time: SystemTime, trace_id: [u8; 16], span_id: [u8; 8]) -> sys::otelue_exemplar {
    let (value_type, as_int, as_double) = value.parts();
    let mut has = 0;
    if trace_id != [0; 16] {
        has |= sys::OTELUE_HAS_TRACE_ID;
    }
    if span_id != [0; 8] {
        has |= sys::OTELUE_HAS_SPAN_ID;
    }
    sys::otelue_exemplar {
        time_unix_nano: nanoseconds(time),
        value_type,
        has,
        as_int,
        as_double,
        trace_id,
        span_id,
        ..Default::default()
    }
}

fn points_of(metric: &Metric) -> usize {
    fn points_in<T>(data: &MetricData<T>) -> usize {
        match data {
            MetricData::Gauge(data) => data.data_points().count(),
            MetricData::Sum(data) => data.data_points().count(),
            MetricData::Histogram(data) => data.data_points().count(),
            MetricData::ExponentialHistogram(data) => data.data_points().count(),
        }
    }
    match metric.data() {
        AggregatedMetrics::F64(data) => points_in(data),
        AggregatedMetrics::U64(data) => points_in(data),
        AggregatedMetrics::I64(data) => points_in(data),
    }
}

fn temporality(temporality: Temporality) -> u32 {
    match temporality {
        Temporality::Delta => sys::OTELUE_DELTA,
        _ => sys::OTELUE_CUMULATIVE, // as the SDK's own encoder says
    }
}

fn extrema<T: Number>(min: Option<T>, max: Option<T>) -> (u32, f64, f64) {
    let mut has = sys::OTELUE_HAS_SUM;
    if min.is_some() {
        has |= sys::OTELUE_HAS_MIN;
    }
    if max.is_some() {
        has |= sys::OTELUE_HAS_MAX;
    }
    (has, min.map_or(0.0, Number::as_f64), max.map_or(0.0, Number::as_f64))
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SDK makes no exemplars yet, and lets nobody else make them.
    #[test]
    fn exemplars_have_the_ids_that_there_are() {
        let time = UNIX_EPOCH + Duration::from_nanos(5);
        let with = exemplar(-3_i64, time, [1; 16], [2; 8]);
        assert_eq!((with.time_unix_nano, with.value_type, with.as_int), (5, 3, -3));
        assert_eq!((with.has, with.trace_id, with.span_id), (96, [1; 16], [2; 8]));
        let without = exemplar(2.5, UNIX_EPOCH - Duration::from_nanos(1), [0; 16], [0; 8]);
        assert_eq!((without.time_unix_nano, without.value_type, without.has), (0, 4, 0));
        assert_eq!(
            (without.as_double.to_bits(), without.filtered_attributes),
            (2.5_f64.to_bits(), otelue_ref::default())
        );
        assert_eq!(exemplar(u64::MAX, time, [0; 16], [0; 8]).value_type, 4);
    }

    #[test]
    fn what_a_run_of_attributes_shares_with_the_last_one_is_there_once() {
        let mut memory = Memory::default();
        let mut attributes = Attributes::default();
        let sets = [[("key", "value"), ("k", "1")], [("key", "value"), ("k", "2")], [("k", "value"), ("key", "1")]];
        for set in &sets {
            let set = set.map(|(key, value)| KeyValue::new(key, value));
            attributes.put(&mut memory, set.iter().map(pair));
        }
        let count = |text: &str| memory.bytes().windows(text.len()).filter(|some| *some == text.as_bytes()).count();
        assert_eq!((count("value"), count("key")), (1, 2));
        attributes.clear();
        let again = KeyValue::new("k", "value");
        attributes.put(&mut memory, std::iter::once(&again).map(pair));
        assert_eq!(memory.bytes().windows(5).filter(|some| *some == b"value").count(), 2);
    }
}
