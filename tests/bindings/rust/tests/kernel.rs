// SPDX-License-Identifier: Apache-2.0
//! On a kernel with `user_events`, as root, with the crate `one_collect` as the listener; ignored unless it is asked
//! for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use one_collect::perf_event::{RingBufBuilder, RingBufSessionBuilder};
use one_collect::tracefs::TraceFS;
use one_collect::Writable;
use opentelemetry::{metrics::MeterProvider, Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point, Metric};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream, Temporality};
use opentelemetry_sdk::Resource;
use otelue::MetricsExporter;
use otelue_tests::{export, Reader};
use prost::Message;

/// The OTLP bytes of the events that all processes write while something is done.
fn heard(emit: impl FnOnce()) -> Vec<Vec<u8>> {
    let tracefs = TraceFS::open().expect("tracefs");
    let mut event = tracefs.find_event("user_events", "otlp_metrics").expect("the tracepoint");
    let buffer = event.format().get_field_ref_unchecked("buffer");
    let collected = Writable::<Vec<Vec<u8>>>::new(Vec::new());
    let sink = collected.clone();
    event.add_callback(move |data| {
        let bytes = data.format().get_data(buffer, data.event_data());
        sink.write(|out| out.push(bytes.to_vec()));
        Ok(())
    });
    let mut session = RingBufSessionBuilder::new()
        .with_page_count(1024)
        .with_tracepoint_events(RingBufBuilder::for_tracepoint())
        .build()
        .expect("the right to listen");
    session.add_event(event).expect("an event");
    session.enable().expect("a start");
    emit();
    session.disable().expect("an end");
    session.parse_all().expect("events");
    let mut events = Vec::new();
    collected.read(|found| events.clone_from(found));
    events
}

/// Events of one processor are received in order.
fn stay_on_one_processor() {
    // SAFETY: a set of processors consists of numbers, and lives for the calls.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        assert_eq!(libc::sched_setaffinity(0, std::mem::size_of_val(&set), &raw const set), 0);
    }
}

fn metric(event: &[u8]) -> Metric {
    let mut request = ExportMetricsServiceRequest::decode(event).expect("OTLP");
    request.resource_metrics.remove(0).scope_metrics.remove(0).metrics.remove(0)
}

/// Each kind of instrument, with attributes of each type.
fn everything(temporality: Temporality) -> ResourceMetrics {
    let reader = Reader::new(temporality);
    let resource = Resource::builder_empty()
        .with_schema_url([KeyValue::new("service.name", "größe"), KeyValue::new("n", 1)], "https://r")
        .build();
    let provider = SdkMeterProvider::builder()
        .with_reader(reader.clone())
        .with_resource(resource)
        .with_view(|instrument: &Instrument| {
            let aggregation =
                Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
            (instrument.name() == "exponential")
                .then(|| Stream::builder().with_aggregation(aggregation).build().unwrap())
        })
        .build();
    let meter = provider.meter_with_scope(
        InstrumentationScope::builder("scope")
            .with_version("1")
            .with_schema_url("https://s")
            .with_attributes([KeyValue::new("a", true)])
            .build(),
    );
    let (counter, gauge) = (meter.u64_counter("counter").with_unit("By").build(), meter.f64_gauge("gauge").build());
    let up_down = meter.i64_up_down_counter("up_down").with_description("What it counts").build();
    let (histogram, exponential) =
        (meter.u64_histogram("histogram").build(), meter.f64_histogram("exponential").build());
    let array = |array: Array| Value::Array(array);
    for set in [
        vec![],
        vec![KeyValue::new("string", "x"), KeyValue::new("bool", false), KeyValue::new("int", -1)],
        vec![KeyValue::new("double", f64::NEG_INFINITY), KeyValue::new("i", array(vec![1, 2].into()))],
        vec![
            KeyValue::new("s", array(Array::String(vec!["a".into(), "".into()]))),
            KeyValue::new("e", array(Array::Bool(vec![]))),
        ],
        vec![
            KeyValue::new("d", array(vec![0.5, f64::MAX].into())),
            KeyValue::new("b", array(vec![true, false].into())),
        ],
    ] {
        counter.add(300, &set);
        gauge.record(-2.5, &set);
        up_down.add(-7, &set);
        for value in [0_u32, 1, 12, 5000] {
            histogram.record(value.into(), &set);
            exponential.record(f64::from(value) - 3.0, &set);
        }
    }
    reader.collect_one()
}

fn temporality(metric: &mut Metric) -> Option<&mut i32> {
    match metric.data.as_mut().expect("data") {
        Data::Sum(data) => Some(&mut data.aggregation_temporality),
        Data::Histogram(data) => Some(&mut data.aggregation_temporality),
        Data::ExponentialHistogram(data) => Some(&mut data.aggregation_temporality),
        _ => None,
    }
}

#[test]
#[ignore = "takes a kernel with user_events"]
fn the_reference_and_ours_write_the_same_events_in_one_process() {
    stay_on_one_processor();
    let reference = opentelemetry_user_events_metrics::MetricsExporter::new();
    let ours = MetricsExporter::new();
    for preference in [Temporality::Delta, Temporality::Cumulative] {
        let metrics = everything(preference);
        let events = heard(|| {
            export(&reference, &metrics).unwrap();
            export(&ours, &metrics).unwrap();
        });
        let (theirs, ours) = events.split_at(25);
        assert_eq!(ours.len(), 25); // a point an event: 5 instruments with 5 sets
        let mut different = 0;
        for (theirs, ours) in theirs.iter().zip(ours) {
            if theirs == ours {
                continue;
            }
            // A cumulative stream, which the reference leaves without temporality.
            different += 1;
            let (mut theirs, mut ours) = (metric(theirs), metric(ours));
            assert_eq!(temporality(&mut theirs), Some(&mut 0));
            assert_eq!(temporality(&mut ours), Some(&mut 2));
            *temporality(&mut theirs).unwrap() = 2;
            assert_eq!(theirs, ours);
        }
        // Up-down counters are always cumulative, and a gauge is neither.
        assert_eq!(different, if preference == Temporality::Delta { 5 } else { 20 });
    }
}

#[test]
#[ignore = "takes a kernel with user_events"]
fn the_reference_wraps_what_int64_cannot_hold() {
    stay_on_one_processor();
    let reference = opentelemetry_user_events_metrics::MetricsExporter::new();
    let ours = MetricsExporter::new();
    let metrics = one_gauge(1 << 63);
    let events = heard(|| {
        export(&reference, &metrics).unwrap();
        export(&ours, &metrics).unwrap();
    });
    assert_eq!(
        [value(&events[0]), value(&events[1])],
        [number_data_point::Value::AsInt(i64::MIN), number_data_point::Value::AsDouble(9_223_372_036_854_775_808.0)]
    );
}

fn one_gauge(value: u64) -> ResourceMetrics {
    let reader = Reader::new(Temporality::Delta);
    let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
    provider.meter("m").u64_gauge("gauge").build().record(value, &[]);
    reader.collect_one()
}

fn value(event: &[u8]) -> number_data_point::Value {
    let Some(Data::Gauge(gauge)) = metric(event).data else { panic!("no gauge") };
    gauge.data_points[0].value.expect("a value")
}

#[test]
#[ignore = "takes a kernel with user_events"]
fn children_that_are_forked_amid_exports_export_with_their_parents_exporter() {
    const CHILDREN: u64 = 20;
    let exporter = MetricsExporter::new();
    let done = AtomicBool::new(false);
    let mut exports = 0;
    let events = heard(|| {
        exports = thread::scope(|scope| {
            let busy = scope.spawn(|| {
                let metrics = one_gauge(1000);
                let mut exports = 0;
                while !done.load(Ordering::Relaxed) {
                    export(&exporter, &metrics).unwrap();
                    exports += 1;
                }
                exports
            });
            for number in 0..CHILDREN {
                let metrics = one_gauge(number);
                // SAFETY: the child allocates, which glibc allows, exports, and ends without handlers.
                unsafe {
                    let child = libc::fork();
                    if child == 0 {
                        libc::_exit(i32::from(export(&exporter, &metrics).is_err()));
                    }
                    let mut status = -1;
                    assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                    assert_eq!(status, 0);
                }
            }
            done.store(true, Ordering::Relaxed);
            busy.join().unwrap()
        });
    });
    let mut found: Vec<_> = events
        .iter()
        .map(|event| match value(event) {
            number_data_point::Value::AsInt(v) => v,
            number_data_point::Value::AsDouble(v) => panic!("{v}"),
        })
        .filter(|value| *value != 1000)
        .collect();
    found.sort_unstable(); // they ran on any processor
    assert_eq!(found, (0..CHILDREN as i64).collect::<Vec<_>>());
    assert_eq!(events.len() as u64 - CHILDREN, exports);
}
