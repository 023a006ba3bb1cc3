//! Compiles the contract.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    volo_build::Builder::protobuf()
        .add_service("../../proto/echo.proto")
        .include_dirs(vec!["../../proto".into()])
        .filename("contract.rs".into())
        .write()?;
    Ok(())
}
