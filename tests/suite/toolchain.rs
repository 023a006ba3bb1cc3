//! The make targets of a service that check, document and release it, and its CI.
//!
//! Tests in [`heavy`] install tools that compile for minutes: `make test-toolchain` runs them.

mod doctor;
mod fixture;
mod heavy;
mod proto;
mod release;
mod reports;
pub mod workflows;
