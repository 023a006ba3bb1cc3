//! Drives the system from outside, as its users do.
//!
//! | file            | its concern                                                        |
//! |-----------------|--------------------------------------------------------------------|
//! | `calls.rs`      | what users ask of the system: yours to write                       |
//! | `call.rs`       | one call, and what may become of it                                |
//! | `system.rs`     | which services there are, and where                                |
//! | `instance.rs`   | one instance of a service, and whether it takes calls              |
//! | `connection.rs` | a connection, with a deadline and an id and a trace for each call   |
//! | `load.rs`       | many calls at once, counted by what became of them                 |

pub mod call;
pub mod calls;
pub mod connection;
pub mod instance;
pub mod load;
pub mod system;
