// SPDX-License-Identifier: Apache-2.0
//! The library's exporter, without anything unsafe to its caller.

use std::ffi::{c_char, c_int, CStr, CString};
use std::ptr::{null, null_mut, NonNull};

use otelue_sys as sys;

/// An exporter, which ends with this.
pub(crate) struct Handle(NonNull<sys::otelue_exporter>);

// SAFETY: "Any function may be called from any thread at any time, also on one exporter at once"; what ends it is drop().
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Opens a recording, or else the tracepoint. On failure says why.
    pub(crate) fn open(options: &sys::otelue_options, recording: Option<&CStr>) -> Result<Self, String> {
        let mut out = null_mut();
        // SAFETY: the arguments live for the call, and there is no log function.
        let returned = unsafe {
            match recording {
                Some(path) => sys::otelue_open_recording(options, path.as_ptr(), None, null_mut(), &mut out),
                None => sys::otelue_open(options, None, null_mut(), &mut out),
            }
        };
        NonNull::new(out).map(Self).ok_or_else(|| describe(None, returned, None))
    }

    /// Whether a batch is worth building, and the step that says why not.
    pub(crate) fn listening(&self) -> (bool, u32) {
        let mut step = 0;
        // SAFETY: the exporter lives, and so does `step`.
        let listening = unsafe { sys::otelue_listening(self.0.as_ptr(), &mut step) };
        (listening == 1, step)
    }

    pub(crate) fn export(&self, batch: &[u8]) -> (c_int, sys::otelue_result) {
        let mut result = sys::otelue_result::default();
        // SAFETY: the exporter lives; nothing outside of the batch is read, whatever is in it.
        let returned = unsafe { sys::otelue_export(self.0.as_ptr(), batch.as_ptr().cast(), batch.len(), &mut result) };
        (returned, result)
    }

    pub(crate) fn status_message(&self) -> String {
        let mut status = sys::otelue_status::default();
        // SAFETY: the exporter lives, and the status has its size.
        unsafe { sys::otelue_get_status(self.0.as_ptr(), &mut status) };
        terminated(&status.message)
    }

    pub(crate) fn statistics(&self) -> sys::otelue_statistics {
        let mut statistics = sys::otelue_statistics::default();
        // SAFETY: the exporter lives, and the statistics have their size.
        unsafe { sys::otelue_get_statistics(self.0.as_ptr(), &mut statistics) };
        statistics
    }

    /// Returns whether all exports that were under way have come back within a second.
    pub(crate) fn shutdown(&self) -> bool {
        // SAFETY: the exporter lives.
        unsafe { sys::otelue_shutdown(self.0.as_ptr()) == 0 }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: this is the last call on it.
        unsafe { sys::otelue_close(self.0.as_ptr()) }
    }
}

/// What became of an export, in a sentence.
pub(crate) fn describe(batch: Option<&[u8]>, returned: c_int, result: Option<&sys::otelue_result>) -> String {
    let mut text = [0 as c_char; 1024];
    let (data, size) = batch.map_or((null(), 0), |b| (b.as_ptr(), b.len()));
    // SAFETY: all of it lives for the call, and the text has the size that is said.
    unsafe {
        let result = result.map_or(null(), |r| std::ptr::addr_of!(*r));
        sys::otelue_describe(data.cast(), size, returned, result, text.as_mut_ptr(), text.len());
    }
    terminated(&text)
}

fn terminated(text: &[c_char]) -> String {
    let bytes: Vec<u8> = text.iter().take_while(|c| **c != 0).map(|c| c.to_ne_bytes()[0]).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path as C has it; none when it contains a NUL.
pub(crate) fn c_path(path: &std::path::Path) -> Option<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).ok()
}
