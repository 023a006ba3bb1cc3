//! The make targets of a service that check, document and release it, and its CI.

mod doctor;
mod fixture;
mod proto;
mod release;
mod workflows;
