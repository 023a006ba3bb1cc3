//! What an RPC of the release binary costs: `make bench` keeps it, and `make
//! bench-check` fails where it has grown.

use std::{env, path::Path};

use chassis::testing::costs;

use crate::{
    contract::rpc,
    support::{Service, command},
};

#[tokio::test]
#[ignore = "wants valgrind, strace and the release binary: make bench-check"]
async fn an_rpc_costs_no_more_than_it_did() {
    let kept = env::var_os("BASELINE").expect("BASELINE is the file of the figures that were kept");
    let keep = env::var_os("KEEP").is_some();
    costs::check(command, &rpc(), Path::new(&kept), keep).await;
}

/// Something to do for a service that is watched at `ITEST_ADDR`.
#[tokio::test]
#[ignore = "tests nothing: make flamegraph"]
async fn load() {
    costs::load(&Service::new().address, &rpc(), 50_000).await;
}
