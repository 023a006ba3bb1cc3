#![doc = env!("CARGO_PKG_DESCRIPTION")]
//!
//! | module      | what lives there                                             |
//! |-------------|--------------------------------------------------------------|
//! | [`cli`]     | its flags, beside those of the chassis                       |
//! | [`app`]     | puts the parts together                                      |
//! | [`rpc`]     | the adapter between the contract and the core                |
//! | [`service`] | the core: what the service does, free of any transport       |
//!
//! What it offers to others is the package `{{project-name}}-api`, and what production
//! asks of it the package `chassis`.

pub mod app;
pub mod cli;
pub mod rpc;
pub mod service;
