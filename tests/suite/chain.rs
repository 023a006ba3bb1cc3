//! Three services of three contracts, each of which calls the next through that one's api package, in
//! a workspace where they share a chassis: what a caller brings along goes through all of them.
//!
//! `chain/` holds what their teams have written; the rest is as it was generated.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::{
    command::run,
    generator::{Generator, Outcome},
    repository::{files, root},
    sample::Turn,
};

const WORKSPACE: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"caller\"]\n";

/// Tests that call `front`, and look into the other two.
const CALLER: &str = r#"
[package]
name = "caller"
edition = "2024"

[features]
otel = ["chassis/otel", "dep:opentelemetry-proto"]

[dependencies]
chassis = { path = "../front/chassis", features = ["testing"] }
front-api = { path = "../front/api" }
hyper = { version = "1", features = ["client", "http2"] }
hyper-util = { version = "0.1", features = ["tokio"] }
opentelemetry-proto = { version = "0.33", default-features = false, features = ["gen-tonic", "trace"], optional = true }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "sync", "time"] }
tonic = { version = "0.14", default-features = false }
tower = { version = "0.5", default-features = false, features = ["util"] }
"#;
