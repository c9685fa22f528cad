// SPDX-License-Identifier: Apache-2.0

use otelue_sys::otelue_statistics;

macro_rules! statistics {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// Totals of all exports of an exporter.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Statistics {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl From<otelue_statistics> for Statistics {
            fn from(from: otelue_statistics) -> Self {
                Self { $($field: from.$field,)* }
            }
        }
    };
}

statistics! {
    /// Exports that the library saw while somebody listened.
    exports,
    /// Exports that the library refused as a whole.
    exports_refused,
    /// Exports during which the listener had left.
    exports_unheard,
    /// The sum of the five below.
    points_total,
    /// Points in events that the kernel took.
    points_exported,
    /// Points that were refused because something in them cannot be.
    points_invalid,
    /// Points that were refused because they do not fit into an event.
    points_too_large,
    /// Points in events that the kernel refused.
    points_unwritten,
    /// Points that were not written because the listener had left.
    points_unheard,
    /// Attribute values that are not UTF-8, sent as bytes.
    strings_as_bytes,
    /// Attribute values that are nested too deep, sent as empty ones.
    values_emptied,
    /// Exemplars that did not fit into the event of their point.
    exemplars_dropped,
    /// Events that the kernel took.
    events,
    /// Bytes of OTLP in them.
    bytes,
    /// How often the tracepoint was registered.
    registrations,
}
