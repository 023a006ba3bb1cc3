//! What the kernel says of a process's CPU time, in nanoseconds, not ticks.

use std::{fs, io, time::Duration};

/// CPU time that the threads of `process`, a pid or `self`, have had so far.
pub fn of(process: &str) -> io::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = stat.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        nanos += first.ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(Duration::from_nanos(nanos))
}
