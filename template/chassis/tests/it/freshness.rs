//! Whether what is generated of the contract is up to date.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use prost::Message;
use tempfile::TempDir;

const RENEW: &str = "UPDATE=1 cargo test -p chassis the_generated_contract_is_fresh";

/// Everything that is generated of the contracts in this directory, by the names of
/// the files.
fn generated(contract: &Path, names: &[&str], client: bool) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = TempDir::new().unwrap();
    for name in names {
        let descriptors = protox::compile([format!("{name}.proto")], [contract]).unwrap();
        let encoded = dir.path().join(name).with_extension("bin");
        fs::write(encoded, descriptors.encode_to_vec()).unwrap();
        let generator = tonic_prost_build::configure()
            .out_dir(&dir)
            .build_transport(false)
            .build_client(client);
        generator.compile_fds(descriptors).unwrap();
    }
    let files = fs::read_dir(&dir).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into(), fs::read(entry.path()).unwrap())
    });
    files.collect()
}

/// That of the tests, that of the official interop cases, and that of health.
#[test]
fn the_generated_contract_is_fresh() {
    is_fresh("tests/it/contract", &["common", "scripted"], true);
    is_fresh("tests/it/interop/contract", &["interop"], true);
    is_fresh("proto", &["health"], false);
}

fn is_fresh(contract: &str, names: &[&str], client: bool) {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join(contract);
    for (name, fresh) in generated(&contract, names, client) {
        let kept = contract.join(&name);
        if env::var_os("UPDATE").is_some() {
            fs::write(&kept, &fresh).unwrap();
        }
        let is_fresh = fs::read(&kept).is_ok_and(|kept| kept == fresh);
        assert!(
            is_fresh,
            "{} is stale. To renew it: {RENEW}",
            name.display()
        );
    }
}
