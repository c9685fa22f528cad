// SPDX-License-Identifier: Apache-2.0
//! Runs what ../application.py generates on the SDK.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider};
use opentelemetry::{Array, InstrumentationScope, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream, Temporality};
use opentelemetry_sdk::Resource;
use serde_json::Value as Json;

use crate::Reader;

type Record = Box<dyn Fn(&str, &[KeyValue])>;

/// The application with a reader.
pub struct Program {
    reader: Reader,
    _provider: SdkMeterProvider,
    sets: Vec<Vec<KeyValue>>,
    /// What measures, by instrument.
    record: Vec<Record>,
}

fn text(of: &Json, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

fn list(of: &Json) -> impl Iterator<Item = &Json> {
    of.as_array().into_iter().flatten()
}

fn integer(decimal: &str) -> i64 {
    decimal.parse().expect("a decimal number")
}

fn double(bits: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(bits, 16).expect("16 hex digits"))
}

fn attributes(pairs: &Json) -> Vec<KeyValue> {
    list(pairs).map(|pair| KeyValue::new(pair[0].as_str().unwrap().to_owned(), value(&pair[1]))).collect()
}

fn value(said: &Json) -> Value {
    let (kind, content) = said.as_object().unwrap().iter().next().unwrap();
    let text = content.as_str().unwrap_or_default();
    match kind.as_str() {
        "string" => Value::String(text.to_owned().into()),
        "bool" => Value::Bool(content.as_bool().unwrap()),
        "int" => Value::I64(integer(text)),
        "double" => Value::F64(double(text)),
        "array" => array(list(content).map(value).collect()),
        other => panic!("Rust's SDK has no {other}"),
    }
}

/// An array has elements of one type.
fn array(elements: Vec<Value>) -> Value {
    let mut found = Array::String(Vec::new());
    for element in elements {
        match (&mut found, element) {
            (Array::String(some), Value::String(v)) => some.push(v),
            (Array::Bool(some), Value::Bool(v)) => some.push(v),
            (Array::I64(some), Value::I64(v)) => some.push(v),
            (Array::F64(some), Value::F64(v)) => some.push(v),
            (_, Value::Bool(v)) => found = Array::Bool(vec![v]),
            (_, Value::I64(v)) => found = Array::I64(vec![v]),
            (_, Value::F64(v)) => found = Array::F64(vec![v]),
            (_, v) => found = Array::String(vec![StringValue::from(v.as_str().into_owned())]),
        }
    }
    Value::Array(found)
}

/// The stream of the view of an instrument, where it has one.
fn stream(views: &HashMap<String, Json>, instrument: &Instrument) -> Option<Stream> {
    let view = views.get(instrument.name())?;
    let mut stream = Stream::builder();
    if !text(view, "name").is_empty() {
        stream = stream.with_name(text(view, "name")).with_description(text(view, "description"));
    }
    let record_min_max = view["record_min_max"].as_bool().unwrap_or(true);
    stream = match view["aggregation"].as_str() {
        Some("drop") => stream.with_aggregation(Aggregation::Drop),
        Some("histogram") => stream.with_aggregation(Aggregation::ExplicitBucketHistogram {
            boundaries: list(&view["bounds"]).map(|b| b.as_f64().unwrap()).collect(),
            record_min_max,
        }),
        Some("exponential") => stream.with_aggregation(Aggregation::Base2ExponentialHistogram {
            max_size: view["max_size"].as_u64().unwrap() as u32,
            max_scale: 20,
            record_min_max,
        }),
        _ => stream,
    };
    if view["attribute_keys"].is_array() {
        let keys = list(&view["attribute_keys"]).map(|key| Key::from(key.as_str().unwrap().to_owned()));
        stream = stream.with_allowed_attribute_keys(keys);
    }
    Some(stream.build().expect("a stream that the SDK accepts"))
}

/// What observable instruments have observed, until they are asked.
type Observed<T> = Arc<Mutex<Vec<(T, Vec<KeyValue>)>>>;

fn observable<T: Send + 'static>(parse: fn(&str) -> T) -> (Record, impl Fn(&dyn AsyncInstrument<T>) + Send + Sync) {
    let observed: Observed<T> = Arc::default();
    let to = observed.clone();
    let record = move |n: &str, set: &[KeyValue]| observed.lock().unwrap().push((parse(n), set.to_vec()));
    let callback = move |instrument: &dyn AsyncInstrument<T>| {
        for (number, set) in to.lock().unwrap().drain(..) {
            instrument.observe(number, &set);
        }
    };
    (Box::new(record), callback)
}

fn unsigned(decimal: &str) -> u64 {
    decimal.parse().expect("a decimal number without a sign")
}

/// What a counter observes never falls: the SDK takes differences without a sign.
fn growing(decimal: &str) -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let more = unsigned(decimal) % 1_000_000;
    LAST.fetch_add(more, Ordering::Relaxed) + more
}

macro_rules! synchronous {
    ($builder:expr, $said:expr, $method:ident, $parse:ident) => {{
        let instrument = $builder.with_unit(text($said, "unit")).with_description(text($said, "description")).build();
        Box::new(move |n: &str, set: &[KeyValue]| instrument.$method($parse(n), set))
    }};
}

macro_rules! asynchronous {
    ($builder:expr, $said:expr, $parse:ident) => {{
        let (record, callback) = observable($parse);
        let builder = $builder.with_unit(text($said, "unit")).with_description(text($said, "description"));
        builder.with_callback(callback).build();
        record
    }};
}

fn create(m: &Meter, said: &Json) -> Record {
    let name = text(said, "name");
    match (said["kind"].as_str().unwrap(), said["number"].as_str().unwrap()) {
        ("counter", "int") => synchronous!(m.u64_counter(name), said, add, unsigned),
        ("counter", _) => synchronous!(m.f64_counter(name), said, add, double),
        ("up_down_counter", "int") => synchronous!(m.i64_up_down_counter(name), said, add, integer),
        ("up_down_counter", _) => synchronous!(m.f64_up_down_counter(name), said, add, double),
        ("gauge", "int") => synchronous!(m.i64_gauge(name), said, record, integer),
        ("gauge", _) => synchronous!(m.f64_gauge(name), said, record, double),
        ("histogram", "int") => synchronous!(m.u64_histogram(name), said, record, unsigned),
        ("histogram", _) => synchronous!(m.f64_histogram(name), said, record, double),
        ("observable_counter", "int") => asynchronous!(m.u64_observable_counter(name), said, growing),
        ("observable_counter", _) => asynchronous!(m.f64_observable_counter(name), said, double),
        ("observable_up_down_counter", "int") => asynchronous!(m.i64_observable_up_down_counter(name), said, integer),
        ("observable_up_down_counter", _) => asynchronous!(m.f64_observable_up_down_counter(name), said, double),
        ("observable_gauge", "int") => asynchronous!(m.i64_observable_gauge(name), said, integer),
        ("observable_gauge", _) => asynchronous!(m.f64_observable_gauge(name), said, double),
        (kind, number) => panic!("{kind} of {number}"),
    }
}

impl Program {
    #[must_use]
    pub fn new(described: &Json, temporality: Temporality) -> Self {
        let reader = Reader::new(temporality);
        let resource = &described["resource"];
        let views: HashMap<_, _> =
            list(&described["views"]).map(|view| (text(view, "instrument"), view.clone())).collect();
        let provider = SdkMeterProvider::builder()
            .with_reader(reader.clone())
            .with_resource(
                Resource::builder_empty()
                    .with_schema_url(attributes(&resource["attributes"]), text(resource, "schema_url"))
                    .build(),
            )
            .with_view(move |instrument: &Instrument| stream(&views, instrument))
            .build();
        let meters: Vec<_> = list(&described["scopes"])
            .map(|scope| {
                provider.meter_with_scope(
                    InstrumentationScope::builder(text(scope, "name"))
                        .with_version(text(scope, "version"))
                        .with_schema_url(text(scope, "schema_url"))
                        .with_attributes(attributes(&scope["attributes"]))
                        .build(),
                )
            })
            .collect();
        let record = list(&described["instruments"])
            .map(|instrument| create(&meters[instrument["scope"].as_u64().unwrap() as usize], instrument))
            .collect();
        let sets = list(&described["attribute_sets"]).map(attributes).collect();
        Self { reader, _provider: provider, sets, record }
    }

    /// Returns the collection of a cycle.
    #[must_use]
    pub fn run(&self, cycle: &Json) -> ResourceMetrics {
        for measurement in list(cycle) {
            let set = &self.sets[measurement[1].as_u64().unwrap() as usize];
            self.record[measurement[0].as_u64().unwrap() as usize](measurement[2].as_str().unwrap(), set);
        }
        self.reader.collect_one()
    }
}
