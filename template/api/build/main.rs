//! Compiles every contract in `proto/` to Rust, without protoc.

mod comments;
mod names;

use std::{
    collections::HashSet,
    env,
    error::Error,
    fs, io,
    panic::{catch_unwind, set_hook},
    path::{Path, PathBuf},
};

use prost_build::{Service, ServiceGenerator};

/// What every generated client has of its own, and what the prelude lends to every type: a call
/// would reach these before an RPC of the same name.
const TAKEN: &str = "new with_origin with_interceptor send_compressed accept_compressed \
    max_decoding_message_size max_encoding_message_size clone into to_owned try_into";

fn main() {
    println!("cargo::rerun-if-changed=proto");
    // Of names that are the same in Rust prost tells by a panic.
    set_hook(Box::new(|_| ()));
    let generated = catch_unwind(generate).unwrap_or_else(|panic| {
        let said = panic.downcast::<String>().map_err(|_| "prost panicked");
        Err(said.map_or_else(Into::into, |said| format!("proto/: {said}").into()))
    });
    if let Err(error) = generated {
        // Cargo shows this one line; with an exit code it would show all that was printed.
        println!("cargo::error={}", error.to_string().replace('\n', " "));
    }
}

fn generate() -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    let files = contracts(Path::new("proto"))?;
    compiler.open_files(files).map_err(|error| told(&error))?;

    let encoded = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(encoded, compiler.encode_file_descriptor_set())?;

    names::are_apart(&compiler.descriptor_pool())?;
    let mut descriptors = compiler.file_descriptor_set();
    let sources = descriptors.file.iter_mut();
    let sources = sources.filter_map(|file| file.source_code_info.as_mut());
    for at in sources.flat_map(|source| &mut source.location) {
        for comment in [&mut at.leading_comments, &mut at.trailing_comments] {
            *comment = comment.as_deref().map(comments::without_doctests);
        }
    }
    let stubs = tonic_prost_build::configure().build_transport(false);
    prost_build::Config::new()
        .include_file("contracts.rs")
        .service_generator(Box::new(Stubs(stubs.service_generator())))
        .compile_fds(descriptors)?;
    Ok(())
}

/// Every `.proto` file below `directory`.
fn contracts(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(contracts(&path)?);
        } else if path.extension().is_some_and(|kind| kind == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What is wrong, and where; what to do, where the error alone leaves one puzzled.
fn told(error: &protox::Error) -> String {
    let text = format!("{error:?}");
    let text = match error.file() {
        Some(file) if is_marked(file) => {
            return format!("proto/{file}: begins with a byte order mark, so save it without one");
        }
        Some(file) if !text.starts_with(file) => format!("proto/{file}: {text}"),
        _ => format!("proto/{text}"),
    };
    match text.split_once(": expected ") {
        Some((place, rest)) if rest.ends_with("found 'edition'") => format!(
            "{place}: editions can't be compiled yet, so write `syntax = \"proto3\";` instead, \
             and `optional` before each field whose absence means something"
        ),
        _ => text,
    }
}

/// Whether `file` begins with a byte order mark, as some editors write it and no eye sees it.
fn is_marked(file: &str) -> bool {
    fs::read(Path::new("proto").join(file))
        .is_ok_and(|text| text.starts_with("\u{feff}".as_bytes()))
}

/// tonic's client and server of a service, under names that are free.
struct Stubs(Box<dyn ServiceGenerator>);

impl ServiceGenerator for Stubs {
    fn generate(&mut self, mut service: Service, code: &mut String) {
        let mut taken = TAKEN.split(' ').map(String::from).collect::<HashSet<_>>();
        for method in &mut service.methods {
            while !taken.insert(method.name.clone()) {
                method.name.push('_');
            }
            for name in [&mut method.input_type, &mut method.output_type] {
                // Int64Value is an i64, which tonic would look for among the messages.
                if name.chars().all(char::is_alphanumeric) && name.starts_with(char::is_lowercase) {
                    *name = format!("::core::primitive::{name}");
                }
            }
        }
        self.0.generate(service, code);
    }
}
