// SPDX-License-Identifier: Apache-2.0
//! Makes tests/reference.rs its subject: the integration tests of opentelemetry-user-events-metrics, from the crate that
//! cargo has fetched, with another `use` line and nothing else changed.

use std::path::Path;
use std::process::Command;

const TESTS: &str = "#[cfg(all(test, target_os = \"linux\"))]\nmod tests {";
const USE: &str = "use crate::MetricsExporter;";

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    if std::env::var_os("CARGO_FEATURE_KERNEL").is_none() {
        return;
    }
    let out = Command::new(std::env::var("CARGO").expect("cargo"))
        .args(["metadata", "--all-features", "--format-version=1", "--locked", "--offline"])
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("metadata");
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "opentelemetry-user-events-metrics")
        .and_then(|package| package["manifest_path"].as_str())
        .expect("the reference is a dependency");
    let source = std::fs::read_to_string(Path::new(manifest).with_file_name("src/lib.rs")).expect("its source");
    let tests = &source[source.find(TESTS).expect("its tests")..];
    assert_eq!((tests.matches(USE).count(), tests.matches("#[test]").count()), (1, 4));
    let changed = tests.replace(USE, "use otelue::MetricsExporter;");
    let path = Path::new(&std::env::var("OUT_DIR").expect("a directory")).join("reference.rs");
    std::fs::write(path, changed).expect("room");
}
