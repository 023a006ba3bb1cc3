//! Whoever calls the three services: see `tests/it`.
