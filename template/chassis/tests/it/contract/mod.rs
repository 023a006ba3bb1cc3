//! The contract of the tests. What is generated of it is kept, so that the chassis
//! needs no build script; `freshness` sees to it that it is up to date.

#![allow(clippy::all, clippy::pedantic, dead_code)]

pub mod common {
    pub mod v1 {
        include!("common.v1.rs");
    }
}

pub mod test {
    pub mod v1 {
        include!("test.v1.rs");
    }
}

pub use self::common::v1::{Reply, Script};

/// `scripted.proto`, and `common.proto`, which it imports.
pub const SCRIPTED: &[u8] = include_bytes!("scripted.bin");

/// `common.proto`.
pub const COMMON: &[u8] = include_bytes!("common.bin");
