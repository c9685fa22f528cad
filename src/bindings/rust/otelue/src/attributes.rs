// SPDX-License-Identifier: Apache-2.0
//! Attributes as records.
// An offset that does not fit is of a batch that is too large, which `Batch::build` refuses.
#![allow(clippy::cast_possible_truncation)]

use opentelemetry::{Array, Key, KeyValue, Value};
use otelue_sys as sys;
use sys::{otelue_attribute, otelue_ref, otelue_value};

use crate::memory::Memory;

#[derive(Default)]
pub(crate) struct Attributes {
    /// Those whose run is not complete yet.
    aside: Vec<otelue_attribute>,
    /// The last run: the next one is likely to share keys and strings with it.
    before: Vec<otelue_attribute>,
}

pub(crate) fn pair(attribute: &KeyValue) -> (&Key, &Value) {
    (&attribute.key, &attribute.value)
}

impl Attributes {
    /// What is kept of one batch is of no use in the next.
    pub(crate) fn clear(&mut self) {
        self.before.clear();
    }

    pub(crate) fn put<'a>(
        &mut self,
        memory: &mut Memory,
        attributes: impl Iterator<Item = (&'a Key, &'a Value)>,
    ) -> otelue_ref {
        self.aside.clear();
        for (index, (key, value)) in attributes.enumerate() {
            let before = self.before.get(index).copied().unwrap_or_default();
            self.aside.push(otelue_attribute {
                key: memory.text_like(before.key, key.as_str()),
                value: put_value(memory, before.value, value),
            });
        }
        if self.aside.is_empty() {
            return otelue_ref::default();
        }
        std::mem::swap(&mut self.aside, &mut self.before);
        memory.put_all(&self.before)
    }
}

fn put_value(memory: &mut Memory, before: otelue_value, value: &Value) -> otelue_value {
    match value {
        Value::Bool(v) => bool_value(*v),
        Value::I64(v) => int_value(*v),
        Value::F64(v) => double_value(*v),
        Value::String(v) => {
            let before = if before.r#type == sys::OTELUE_STRING {
                otelue_ref { off: before.bits as u32, len: before.len }
            } else {
                otelue_ref::default()
            };
            refer(sys::OTELUE_STRING, memory.text_like(before, v.as_str()))
        }
        Value::Array(array) => {
            let elements: Vec<_> = match array {
                Array::Bool(some) => some.iter().copied().map(bool_value).collect(),
                Array::I64(some) => some.iter().copied().map(int_value).collect(),
                Array::F64(some) => some.iter().copied().map(double_value).collect(),
                Array::String(some) => {
                    some.iter().map(|v| refer(sys::OTELUE_STRING, memory.text(v.as_str()))).collect()
                }
                other => return refer(sys::OTELUE_STRING, memory.text(&other.to_string())),
            };
            refer(sys::OTELUE_ARRAY, memory.put_all(&elements))
        }
        other => refer(sys::OTELUE_STRING, memory.text(&other.as_str())),
    }
}

fn refer(kind: u32, to: otelue_ref) -> otelue_value {
    otelue_value { r#type: kind, len: to.len, bits: to.off.into() }
}

fn bool_value(v: bool) -> otelue_value {
    otelue_value { r#type: sys::OTELUE_BOOL, len: 0, bits: v.into() }
}

fn int_value(v: i64) -> otelue_value {
    otelue_value { r#type: sys::OTELUE_INT, len: 0, bits: u64::from_ne_bytes(v.to_ne_bytes()) }
}

fn double_value(v: f64) -> otelue_value {
    otelue_value { r#type: sys::OTELUE_DOUBLE, len: 0, bits: v.to_bits() }
}
