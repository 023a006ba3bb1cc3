//! Names that differ in protobuf and are one in Rust, such as `URL` and `Url`.

use std::collections::BTreeMap;

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_types::{DescriptorProto, FileDescriptorProto, MessageOptions};

/// Numbers of fields of descriptors, which make the path to a place in a file
/// (`google/protobuf/descriptor.proto`).
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_MESSAGE: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_ONEOF: i32 = 8;

/// What Rust keeps apart: a type may be called as a module is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Type,
    Module,
    Field,
}

/// A name of one kind, in the module or the message that it is in.
type Name = (String, Kind, String);

/// The names that a file takes, each with what has it, and the path to that.
#[derive(Default)]
struct Taken(Vec<(Name, String, Vec<i32>)>);

/// Whether each name in `files` is one of its own in Rust. If not, says which two are not, where,
/// and what to do.
pub fn are_apart(files: &[FileDescriptorProto]) -> Result<(), String> {
    let packages = files.iter().flat_map(|file| modules(file.package()));
    let mut taken: BTreeMap<Name, String> = packages.collect();
    for descriptor in files {
        for (name, what, path) in Taken::by(descriptor).0 {
            let rust = name.2.clone();
            if let Some(other) = taken.insert(name, what.clone()) {
                return Err(format!(
                    "proto/{}:{}: {what} and {other} are both `{rust}` in Rust, so rename one of them",
                    descriptor.name(),
                    place(descriptor, &path),
                ));
            }
        }
    }
    Ok(())
}

/// The modules that a package is in Rust, each within the one before.
fn modules(package: &str) -> Vec<(Name, String)> {
    let parts = package.split('.').collect::<Vec<_>>();
    let module = |(index, part): (usize, &&str)| {
        let name = (scope(&parts[..index]), Kind::Module, part.to_snake_case());
        (name, format!("package `{}`", parts[..=index].join(".")))
    };
    parts.iter().enumerate().map(module).collect()
}

/// The module in Rust of a package or a message, by the names that lead to it.
fn scope(parts: &[&str]) -> String {
    let parts = parts.iter().map(|part| part.to_snake_case());
    parts.collect::<Vec<_>>().join("::")
}

impl Taken {
    fn by(file: &FileDescriptorProto) -> Self {
        let mut taken = Self::default();
        let package = file.package().split('.').collect::<Vec<_>>();
        for (index, message) in (0..).zip(&file.message_type) {
            taken.message(&package, message, &[FILE_MESSAGE, index]);
        }
        for (index, it) in (0..).zip(&file.enum_type) {
            taken.takes(
                &package,
                Kind::Type,
                ["enum", it.name()],
                &[FILE_ENUM, index],
            );
        }
        for (index, service) in (0..).zip(&file.service) {
            taken.service(&package, service.name(), &[FILE_SERVICE, index]);
        }
        taken
    }

    /// tonic makes a module of the client and one of the server.
    fn service(&mut self, package: &[&str], name: &str, path: &[i32]) {
        for side in ["client", "server"] {
            let module = format!("{}_{side}", name.to_snake_case());
            let what = format!("service `{name}`");
            self.0
                .push(((scope(package), Kind::Module, module), what, path.into()));
        }
    }

    fn message(&mut self, outer: &[&str], message: &DescriptorProto, path: &[i32]) {
        let within = |field, index| [path, &[field, index]].concat();
        let named = ["message", message.name()];
        self.takes(outer, Kind::Type, named, path);

        // The entry of a map is a message, and an optional field has a oneof, in descriptors alone.
        let is_entry =
            |it: &DescriptorProto| it.options.as_ref().is_some_and(MessageOptions::map_entry);
        let nested = (0..)
            .zip(&message.nested_type)
            .filter(|(_, it)| !is_entry(it));
        let nested = nested.collect::<Vec<_>>();
        let chosen = message
            .field
            .iter()
            .filter(|field| !field.proto3_optional());
        let oneofs = chosen
            .filter_map(|field| field.oneof_index)
            .collect::<Vec<_>>();
        if !(nested.is_empty() && message.enum_type.is_empty() && oneofs.is_empty()) {
            self.takes(outer, Kind::Module, named, path);
        }

        let inside = [outer, &[message.name()]].concat();
        for (index, it) in nested {
            self.message(&inside, it, &within(MESSAGE_MESSAGE, index));
        }
        for (index, it) in (0..).zip(&message.enum_type) {
            let path = within(MESSAGE_ENUM, index);
            self.takes(&inside, Kind::Type, ["enum", it.name()], &path);
        }
        for (index, it) in (0..).zip(&message.field) {
            if it.oneof_index.is_none() || it.proto3_optional() {
                let path = within(MESSAGE_FIELD, index);
                self.takes(&inside, Kind::Field, ["field", it.name()], &path);
            }
        }
        for (index, it) in (0..).zip(&message.oneof_decl) {
            if oneofs.contains(&index) {
                let path = within(MESSAGE_ONEOF, index);
                self.takes(&inside, Kind::Field, ["oneof", it.name()], &path);
            }
        }
    }

    /// Notes the name in Rust of what is called `name`.
    fn takes(&mut self, parts: &[&str], kind: Kind, [what, name]: [&str; 2], path: &[i32]) {
        let rust = match kind {
            Kind::Type => name.to_upper_camel_case(),
            Kind::Module | Kind::Field => name.to_snake_case(),
        };
        let what = format!("{what} `{name}`");
        self.0.push(((scope(parts), kind, rust), what, path.into()));
    }
}

/// Line and column of what this path leads to.
fn place(file: &FileDescriptorProto, path: &[i32]) -> String {
    let mut places = file.source_code_info.iter().flat_map(|it| &it.location);
    match places.find(|it| it.path == path).map(|it| &it.span[..]) {
        Some([line, column, ..]) => format!("{}:{}", line + 1, column + 1),
        _ => "1:1".into(),
    }
}
