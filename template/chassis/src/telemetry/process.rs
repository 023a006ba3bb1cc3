//! What Prometheus is told of the process, under the names that all its client
//! libraries use. Read from /proc; where there is none, left out.

use std::{
    fmt, fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use super::{log, panics};

/// The unit of CPU times in /proc: 1/100 s, on whatever machine (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process {
    started: SystemTime,
}

impl Process {
    /// The process that this is called in, at its start.
    pub(super) fn new() -> Self {
        let started = SystemTime::now();
        Self { started }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        lost_lines(&mut encoder)?;
        let mut tell = |name, help, unit, metric: &dyn EncodeMetric| {
            let kind = metric.metric_type();
            metric.encode(encoder.encode_descriptor(name, help, unit, kind)?)
        };
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        tell(
            "process_start_time",
            "Start of the process, in Unix time",
            Some(&Unit::Seconds),
            &ConstGauge::new(started.as_secs_f64()),
        )?;
        tell(
            "panics",
            "Panics, in RPCs and elsewhere",
            None,
            &ConstCounter::new(panics::count()),
        )?;
        if let Some(seconds) = cpu_seconds() {
            let help = "CPU time spent, user and system";
            tell(
                "process_cpu",
                help,
                Some(&Unit::Seconds),
                &ConstCounter::new(seconds),
            )?;
        }
        if let Some(bytes) = resident_bytes() {
            let help = "Memory in use";
            tell(
                "process_resident_memory",
                help,
                Some(&Unit::Bytes),
                &ConstGauge::new(bytes),
            )?;
        }
        if let Some(files) = open_files() {
            tell(
                "process_open_fds",
                "Files and sockets open",
                None,
                &ConstGauge::new(files),
            )?;
        }
        if let Ok(files) = rlimit::Resource::NOFILE.get_soft() {
            let help = "Files and sockets that may be open";
            tell("process_max_fds", help, None, &ConstGauge::new(files))?;
        }
        Ok(())
    }
}

/// Lines of the log that could not be written.
fn lost_lines(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let help = "Lines of the log that could not be written, or not in time";
    let mut family =
        encoder.encode_descriptor("log_lost_lines", help, None, MetricType::Counter)?;
    for (sink, lines) in log::lost() {
        let labels = [("sink", sink)];
        ConstCounter::new(lines).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn open_files() -> Option<u64> {
    // Less the one that this opens itself.
    let files = fs::read_dir("/proc/self/fd").ok()?.count().checked_sub(1)?;
    files.try_into().ok()
}
