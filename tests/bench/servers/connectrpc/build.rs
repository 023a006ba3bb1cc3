//! Compiles the contract, from descriptors, since it would else look for protoc.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let mut compiler = protox::Compiler::new(["../../proto"])?;
    compiler.include_imports(true).open_file("echo.proto")?;
    let encoded = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(&encoded, compiler.encode_file_descriptor_set())?;
    connectrpc_build::Config::new()
        .files(&["echo.proto"])
        .descriptor_set(encoded)
        .generate_json(false)
        .include_file("contract.rs")
        .compile()?;
    Ok(())
}
