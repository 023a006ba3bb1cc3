//! What tests of a service need (feature `testing`): the real binary as a child
//! process, HTTP/2 by hand, and what an RPC costs. All of it panics where a test has
//! to fail.
//!
//! | file    | its concern                                                |
//! |---------|------------------------------------------------------------|
//! | `child` | a service as a child process                               |
//! | `http2` | clients that no library lets one be                        |
//! | `costs` | instructions and writes per RPC, kept and compared         |

#![allow(clippy::missing_panics_doc, clippy::must_use_candidate)]

mod child;
pub mod costs;
pub mod http2;

pub use self::child::{Child, PATIENCE, command};
