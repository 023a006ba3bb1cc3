//! What it takes to build the service, and bare tonic with TLS, health and reflection, in the same
//! way: read from what `run` has noted.

use std::{error::Error, fs};

use crate::{
    built::{BARE, Built, SERVICE},
    table::{Bound::AtMost, Results, Table, figure, to},
};

const CRATES: &str = "crates compiled";
const DEBUG: &str = "clean debug build, CPU";
const RELEASE: &str = "clean release build, CPU";
const EDIT: &str = "debug build after an edit, CPU";

const TABLE: Table = Table {
    title: "build",
    subject: SERVICE,
    others: &[BARE],
    figures: &[
        figure(CRATES, "", &[to(BARE, AtMost(1.3))]),
        figure(DEBUG, "s", &[to(BARE, AtMost(1.3))]),
        figure(RELEASE, "s", &[to(BARE, AtMost(1.3))]),
        figure(EDIT, "s", &[]),
    ],
};

/// Reads lines of "SERVER CRATES DEBUG RELEASE EDIT".
pub fn read(built: &Built) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    let file = built.path("builds");
    let builds = fs::read_to_string(&file).map_err(|error| {
        let file = file.display();
        format!("{file}, which BUILD=yes writes: {error}")
    })?;
    for line in builds.lines() {
        let (server, values) = line.split_once(' ').ok_or("an empty line of builds")?;
        let server = match server {
            "service" => SERVICE,
            _ => BARE,
        };
        let values = values.split(' ').map(str::parse);
        for (figure, value) in [CRATES, DEBUG, RELEASE, EDIT].into_iter().zip(values) {
            results.add(server, figure, value?);
        }
    }
    Ok(results)
}
