//! Generates services with the real cargo-generate, outside of this checkout, and holds what comes
//! out, or why nothing does, against what README.md promises.
//!
//! Tests in [`newest`] need a second cargo-generate: `make cross-version` runs them.

mod answers;
mod any_answer;
mod browser;
mod chain;
mod containers;
mod contracts;
mod dependencies;
mod existing;
mod foreign;
mod hooks;
mod modules;
mod newest;
mod pages;
mod proxies;
mod renamed;
mod samples;
mod sources;
mod support;
mod system;
mod template;
mod terminal;
mod toolchain;
mod update;
mod walk;
mod workspace;
