// SPDX-License-Identifier: Apache-2.0

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use opentelemetry::otel_warn;
use opentelemetry_sdk::metrics::Temporality;
use otelue_sys as sys;

use crate::exporter::MetricsExporter;
use crate::library::{c_path, Handle};
use crate::{environment, exporter};

/// Which data points share an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// Consecutive points of one metric.
    #[default]
    Metric,
    /// None: each point has an event of its own.
    Point,
    /// Points of any metrics, which takes the fewest events and the fewest bytes.
    Request,
}

/// Why an exporter cannot be made: the library refuses an option.
#[derive(Debug)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BuildError {}

/// Makes a [`MetricsExporter`]. Each method sets what an environment variable sets too, and goes before it.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MetricsExporterBuilder {
    default_packing: Packing,
    temporality: Option<Temporality>,
    packing: Option<Packing>,
    target_event_bytes: Option<u32>,
    max_event_bytes: Option<u32>,
    recording: Option<PathBuf>,
}

impl MetricsExporterBuilder {
    /// Of what packs one point per event when nobody says otherwise, as the reference does.
    pub(crate) fn one_point_per_event() -> Self {
        Self { default_packing: Packing::Point, ..Self::default() }
    }

    /// Sets the temporality: `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, default [`Temporality::Delta`], which
    /// leaves up-down counters cumulative.
    pub fn with_temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = Some(temporality);
        self
    }

    /// Sets which points share an event: `OTEL_EXPORTER_USER_EVENTS_PACKING`, default [`Packing::Metric`].
    pub fn with_packing(mut self, packing: Packing) -> Self {
        self.packing = Some(packing);
        self
    }

    /// Sets the size up to which an event gets further points: `OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES`, default
    /// 4048, which every listener can receive.
    pub fn with_target_event_bytes(mut self, bytes: u32) -> Self {
        self.target_event_bytes = Some(bytes);
        self
    }

    /// Sets how large an event with a single point may be: `OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES`, default 8168,
    /// which is all that perf can receive.
    pub fn with_max_event_bytes(mut self, bytes: u32) -> Self {
        self.max_event_bytes = Some(bytes);
        self
    }

    /// Sets a file to write to instead of the tracepoint: `OTEL_EXPORTER_USER_EVENTS_RECORDING`. The command
    /// `otelue watch FILE` reads it.
    pub fn with_recording(mut self, path: impl Into<PathBuf>) -> Self {
        self.recording = Some(path.into());
        self
    }

    /// Makes the exporter. What the environment says wrong is reported through the SDK's own logging instead.
    ///
    /// # Errors
    ///
    /// When the library refuses what this builder was told: sizes out of range, a recording that cannot be opened.
    pub fn build(self) -> Result<MetricsExporter, BuildError> {
        let in_code = self.packing.is_some()
            || self.target_event_bytes.is_some()
            || self.max_event_bytes.is_some()
            || self.recording.is_some();
        let temporality = self.temporality.or_else(environment::temporality).unwrap_or(Temporality::Delta);
        match self.open() {
            Ok(handle) => Ok(exporter::new(Some(handle), temporality)),
            Err(why) if in_code => Err(BuildError(why)),
            Err(why) => {
                let message = format!("{why}, as the environment says: no metrics are exported");
                otel_warn!(name: "UserEvents.Refused", message = message.as_str());
                Ok(exporter::new(None, temporality))
            }
        }
    }

    fn open(self) -> Result<Handle, String> {
        let packing = self.packing.or_else(environment::packing).unwrap_or(self.default_packing);
        let options = sys::otelue_options {
            packing: match packing {
                Packing::Metric => sys::OTELUE_PACK_METRIC,
                Packing::Point => sys::OTELUE_PACK_POINT,
                Packing::Request => sys::OTELUE_PACK_REQUEST,
            },
            target_event_bytes: self.target_event_bytes.or_else(environment::target_event_bytes).unwrap_or_default(),
            max_event_bytes: self.max_event_bytes.or_else(environment::max_event_bytes).unwrap_or_default(),
            ..Default::default()
        };
        let Some(path) = self.recording.or_else(environment::recording) else {
            return Handle::open(&options, None);
        };
        c_path(&path)
            .ok_or_else(|| "the name contains a NUL".to_owned())
            .and_then(|name| Handle::open(&options, Some(&name)))
            .map_err(|why| format!("{why}: {}", path.display()))
    }
}
