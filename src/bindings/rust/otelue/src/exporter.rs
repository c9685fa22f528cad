// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{mpsc, Arc, Mutex, TryLockError};
use std::time::Duration;

use opentelemetry::{otel_debug, otel_info, otel_warn};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::Temporality;
use otelue_sys as sys;

use crate::batch::{Batch, TooLarge};
use crate::builder::MetricsExporterBuilder;
use crate::library::{describe, Handle};
use crate::statistics::Statistics;

/// The longest that the library takes to shut down.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Exports metrics to the tracepoint `user_events:otlp_metrics`, for a reader that exports periodically.
///
/// Clones are one exporter: keep one to ask for [`statistics`](Self::statistics) of what the SDK took. The tracepoint is
/// unregistered by [`shutdown`](PushMetricExporter::shutdown), or when the last clone goes.
#[derive(Clone)]
pub struct MetricsExporter {
    inner: Arc<Inner>,
}

struct Inner {
    temporality: Temporality,
    /// None where the environment says what the library refuses.
    handle: Option<Handle>,
    is_shut_down: AtomicBool,
    /// Why nobody could listen when it was last asked.
    step: AtomicU32,
    batch: Mutex<Batch>,
    #[cfg(feature = "self-telemetry")]
    telemetry: crate::telemetry::Telemetry,
}

pub(crate) fn new(handle: Option<Handle>, temporality: Temporality) -> MetricsExporter {
    let inner = Inner {
        temporality,
        handle,
        is_shut_down: AtomicBool::new(false),
        step: AtomicU32::new(sys::OTELUE_STEP_REGISTERED),
        batch: Mutex::default(),
        #[cfg(feature = "self-telemetry")]
        telemetry: crate::telemetry::Telemetry::default(),
    };
    if let Some(handle) = &inner.handle {
        inner.report(handle, handle.listening().1);
    }
    MetricsExporter { inner: Arc::new(inner) }
}

impl MetricsExporter {
    /// Makes an exporter from the environment. It puts each data point into an event of its own, as that of
    /// opentelemetry-user-events-metrics does; [`builder`](Self::builder) packs more.
    #[must_use]
    pub fn new() -> Self {
        MetricsExporterBuilder::one_point_per_event().build().unwrap_or_else(|_| new(None, Temporality::Delta))
        // which is only of what a program asks for
    }

    /// Makes an exporter from the environment and from options.
    pub fn builder() -> MetricsExporterBuilder {
        MetricsExporterBuilder::default()
    }

    /// Totals of all exports so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.inner.handle.as_ref().map_or_else(Statistics::default, |handle| handle.statistics().into())
    }
}

impl Default for MetricsExporter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MetricsExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("user_events metrics exporter")
    }
}

impl PushMetricExporter for MetricsExporter {
    /// Writes the collection, and is done when it has. An error says why not all data points could be exported although
    /// somebody listens.
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.inner.export(metrics)
    }

    /// Has nothing to do: every export is complete when it returns.
    fn force_flush(&self) -> OTelSdkResult {
        if self.inner.is_shut_down() {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        Ok(())
    }

    /// Unregisters the tracepoint. It waits for exports that are under way: a second at most, and no longer than the
    /// timeout allows.
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.inner.is_shut_down.swap(true, Ordering::SeqCst) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        let done = if timeout >= SHUTDOWN { self.inner.shut_down() } else { self.shut_down_within(timeout) };
        if done {
            Ok(())
        } else {
            Err(OTelSdkError::Timeout(timeout.min(SHUTDOWN)))
        }
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality
    }
}

impl MetricsExporter {
    fn shut_down_within(&self, timeout: Duration) -> bool {
        let (say, done) = mpsc::channel();
        let inner = self.inner.clone();
        let waiting = std::thread::Builder::new().name("otelue shutdown".to_owned()).spawn(move || {
            let _ = say.send(inner.shut_down()); // nobody may wait any more
        });
        match waiting {
            Ok(_) => done.recv_timeout(timeout).unwrap_or(false),
            Err(_) => self.inner.shut_down(),
        }
    }
}

impl Inner {
    fn is_shut_down(&self) -> bool {
        self.is_shut_down.load(Ordering::SeqCst)
    }

    fn shut_down(&self) -> bool {
        self.handle.as_ref().map_or(true, Handle::shutdown)
    }

    /// Says once why nobody can listen, and once that the cause is gone.
    fn report(&self, handle: &Handle, step: u32) {
        let before = self.step.swap(step, Ordering::SeqCst);
        if before == step {
            return;
        }
        if step == sys::OTELUE_STEP_REGISTERED {
            otel_info!(name: "UserEvents.Available", message = "metrics are exported from now on");
        } else {
            let message = format!("no metrics are exported: {}", handle.status_message());
            otel_warn!(name: "UserEvents.Unavailable", message = message.as_str());
        }
    }

    fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.is_shut_down() {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        let Some(handle) = &self.handle else {
            return Ok(());
        };
        let (listening, step) = handle.listening();
        if self.is_shut_down() {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.report(handle, step);
        if !listening {
            otel_debug!(name: "UserEvents.Unheard", message = "nobody listens to user_events");
            return Ok(());
        }
        match self.batch.try_lock() {
            Ok(mut batch) => self.export_batch(handle, &mut batch, metrics),
            Err(TryLockError::Poisoned(poisoned)) => self.export_batch(handle, &mut poisoned.into_inner(), metrics),
            // Another export is under way; or it was in the parent of this process, and will not come back.
            Err(TryLockError::WouldBlock) => self.export_batch(handle, &mut Batch::default(), metrics),
        }
    }

    fn export_batch(&self, handle: &Handle, batch: &mut Batch, metrics: &ResourceMetrics) -> OTelSdkResult {
        let data = batch.build(metrics).map_err(|TooLarge| {
            OTelSdkError::InternalFailure("the collection is larger than 4 GiB, and was not exported".to_owned())
        })?;
        let (returned, result) = handle.export(data);
        otel_debug!(
            name: "UserEvents.Exported",
            points = result.points_exported,
            of = result.points_total,
            events = result.events
        );
        #[cfg(feature = "self-telemetry")]
        self.telemetry.count(&result);
        if returned == 0 {
            Ok(())
        } else if returned < 0 && self.is_shut_down() {
            Err(OTelSdkError::AlreadyShutdown)
        } else {
            Err(OTelSdkError::InternalFailure(describe(Some(data), returned, Some(&result))))
        }
    }
}
