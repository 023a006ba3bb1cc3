//! What the tests share.

pub mod answers;
pub mod certificates;
pub mod command;
pub mod generator;
pub mod inspect;
pub mod process;
pub mod repository;
pub mod sample;
