//! Systems: several services as one. What can be shown without building a service is shown here; those
//! with real processes in real containers are run by `make test-system`.

mod adding;
mod cluster;
mod engines;
mod faults;
mod generation;
mod origins;
mod real;
mod rendered;
mod shop;
mod stage;
mod story;
