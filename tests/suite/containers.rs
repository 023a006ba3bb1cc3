//! Images, manifests, and tests in a cluster: what a service does outside of its checkout.
//!
//! Tests that need a program which is not here are ignored, and say so: see `build.rs`.

#[cfg(docker)]
mod attacked;
mod cluster;
mod confined;
mod images;
pub mod manifests;
pub mod packed;
pub mod publish;
mod running;
mod stage;
