// SPDX-License-Identifier: Apache-2.0
//! Compiles the library from otelue.cc, or finds that of the system.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=otelue.h");
    println!("cargo:rerun-if-changed=otelue.cc");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        find();
    }
}

#[cfg(feature = "system")]
fn find() {
    if let Err(error) = pkg_config::Config::new().atleast_version("0.2").probe("otelue") {
        fail(&format!("the feature `system` needs an installed libotelue: {error}"));
    }
}

#[cfg(not(feature = "system"))]
fn find() {
    if !std::path::Path::new("otelue.cc").exists() {
        fail("otelue.cc is missing: in a clone of the repository src/bindings/sources makes it");
    }
    // A linker that leaves out what is not needed finds libc alone to be so.
    cc::Build::new()
        .cpp(true)
        .cpp_link_stdlib(None)
        .std("c++20")
        .file("otelue.cc")
        .define("_GNU_SOURCE", None)
        .define("NDEBUG", None)
        .define("OTELUE_API", "__attribute__((visibility(\"hidden\")))")
        .flag("-fno-exceptions")
        .flag("-fno-rtti")
        .flag("-fvisibility=hidden")
        .flag_if_supported("-fstack-clash-protection")
        .opt_level(2)
        .compile("otelue");
}

fn fail(why: &str) -> ! {
    println!("cargo:warning={why}");
    std::process::exit(1)
}
