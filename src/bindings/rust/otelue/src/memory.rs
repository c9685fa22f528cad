// SPDX-License-Identifier: Apache-2.0
//! The memory that a batch is built in.
// An offset that does not fit is of a batch that is too large, which `Batch::build` refuses.
#![allow(clippy::cast_possible_truncation)]

use otelue_sys as sys;

/// Numbers and records.
///
/// # Safety
///
/// Has no padding: each of its bytes is always initialised.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ty),*) => {$(
        // SAFETY: numbers, or records whose layout the header asserts.
        unsafe impl Plain for $name {}
    )*};
}

plain!(u64, f64, sys::otelue_value, sys::otelue_attribute, sys::otelue_resource, sys::otelue_scope);
plain!(sys::otelue_metric, sys::otelue_point, sys::otelue_histogram, sys::otelue_exponential_histogram);
plain!(sys::otelue_exemplar, sys::otelue_batch);

fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: all bytes are initialised, and a byte may lie anywhere.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), std::mem::size_of_val(values)) }
}

/// Bytes, of which records begin at a multiple of 8.
#[derive(Default)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
    /// A bound for what recent batches took.
    recent: usize,
}

impl Memory {
    pub(crate) fn clear(&mut self) {
        self.recent = self.bytes.len().max(self.recent / 2);
        self.bytes.clear();
        if self.bytes.capacity() > 4 * self.recent + 65_536 {
            self.bytes.shrink_to(2 * self.recent);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn align(&mut self) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.bytes.len() as u32
    }

    /// Makes room for so many records, which are 0.
    pub(crate) fn reserve<T: Plain>(&mut self, count: usize) -> sys::otelue_ref {
        let off = self.align();
        self.bytes.resize(self.bytes.len() + count * std::mem::size_of::<T>(), 0);
        sys::otelue_ref { off, len: count as u32 }
    }

    /// Sets a record that there is room for.
    pub(crate) fn set<T: Plain>(&mut self, records: sys::otelue_ref, index: usize, record: &T) {
        let size = std::mem::size_of::<T>();
        let at = records.off as usize + index * size;
        self.bytes[at..at + size].copy_from_slice(bytes_of(std::slice::from_ref(record)));
    }

    pub(crate) fn put<T: Plain>(&mut self, record: &T) -> u32 {
        self.put_all(std::slice::from_ref(record)).off
    }

    pub(crate) fn put_all<T: Plain>(&mut self, records: &[T]) -> sys::otelue_ref {
        let off = self.align();
        self.bytes.extend_from_slice(bytes_of(records));
        sys::otelue_ref { off, len: records.len() as u32 }
    }

    pub(crate) fn put_numbers<T: Plain>(&mut self, numbers: impl Iterator<Item = T>) -> sys::otelue_ref {
        let off = self.align();
        let mut len = 0;
        for number in numbers {
            self.bytes.extend_from_slice(bytes_of(&[number]));
            len += 1;
        }
        sys::otelue_ref { off, len }
    }

    pub(crate) fn text(&mut self, text: &str) -> sys::otelue_ref {
        let off = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        sys::otelue_ref { off, len: text.len() as u32 }
    }

    /// Finds text where it is likely to be already.
    pub(crate) fn text_like(&mut self, before: sys::otelue_ref, text: &str) -> sys::otelue_ref {
        if before.len as usize == text.len() {
            let at = before.off as usize;
            if self.bytes.get(at..at + text.len()) == Some(text.as_bytes()) {
                return before;
            }
        }
        self.text(text)
    }
}
