//! Services that take over what the template has learned since they were made.

mod built;
mod changes;
pub mod fixture;
mod one_package;
mod refusals;
mod remembered;
mod stopped;
