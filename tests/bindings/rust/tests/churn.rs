// SPDX-License-Identifier: Apache-2.0
//! Series that come and go take constant memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::{metrics::MeterProvider, KeyValue};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use otelue::MetricsExporter;
use otelue_tests::{export, Reader};

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: it is the system's, which it only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        System.dealloc(memory, layout);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A counter and a histogram with so many series each, which are this cycle's alone.
fn collection(cycle: i64, series: i64) -> ResourceMetrics {
    let reader = Reader::new(Temporality::Cumulative);
    let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
    let meter = provider.meter("m");
    let (sum, histogram) = (meter.u64_counter("sum").build(), meter.f64_histogram("histogram").build());
    for i in 0..series {
        let attributes = [KeyValue::new("cycle", cycle), KeyValue::new("series", format!("number {i}"))];
        sum.add(1, &attributes);
        histogram.record(1.0, &attributes);
    }
    reader.collect_one()
}

#[test]
fn constant_memory_and_no_allocation_per_point() {
    let directory = tempfile::tempdir().unwrap();
    let exporter = MetricsExporter::builder().with_recording(directory.path().join("recording")).build().unwrap();
    let mut after_20 = 0;
    for cycle in 0..300 {
        export(&exporter, &collection(cycle, 1000)).unwrap();
        if cycle == 20 {
            after_20 = IN_USE.load(Ordering::Relaxed);
        }
    }
    let after_300 = IN_USE.load(Ordering::Relaxed);
    assert!(after_300 <= after_20 + after_20 / 10, "{after_20} bytes after 20 cycles, {after_300} after 300");
    assert_eq!(exporter.statistics().points_exported, 600_000);

    // What an export of many points allocates is what one of few points does.
    let mut allocations = [10, 1000].map(|series| {
        let metrics = collection(0, series);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        export(&exporter, &metrics).unwrap();
        ALLOCATIONS.load(Ordering::Relaxed) - before
    });
    allocations.sort_unstable();
    assert!(allocations[1] < 40, "{allocations:?}");

    // Memory for much is given back when there is little.
    export(&exporter, &collection(0, 1500)).unwrap();
    let much = IN_USE.load(Ordering::Relaxed);
    for _ in 0..20 {
        export(&exporter, &collection(0, 1)).unwrap();
    }
    let little = IN_USE.load(Ordering::Relaxed);
    assert!(little + 200_000 < much, "{much} bytes, then {little}");
}
