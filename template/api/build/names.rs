//! Names that differ in protobuf and are one in Rust, such as `URL` and `Url`.

use std::collections::BTreeMap;

use heck::{ToSnakeCase, ToUpperCamelCase};
use protox::prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};

/// What Rust keeps apart: a type may be called as a module is.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Type,
    Module,
    Field,
}

/// Names in Rust, each within a module or a struct, and what has them.
struct Names(BTreeMap<(String, Kind, String), String>);

/// Something in a contract that has a name.
struct Item<'a> {
    what: &'static str,
    name: &'a str,
    file: FileDescriptor,
    path: &'a [i32],
}

/// Whether each name in `pool` is one of its own in Rust. If not, says which two are not, where,
/// and what to do.
pub fn are_apart(pool: &DescriptorPool) -> Result<(), String> {
    let files = pool.files().collect::<Vec<_>>();
    let packages = files.iter().flat_map(|file| modules(file.package_name()));
    let mut names = Names(packages.collect());
    // The entry of a map is a message in descriptors alone.
    for message in pool.all_messages().filter(|it| !it.is_map_entry()) {
        names.message(&message)?;
    }
    for it in pool.all_enums() {
        let outer = outer(it.package_name(), it.parent_message());
        let item = Item {
            what: "enum",
            name: it.name(),
            file: it.parent_file(),
            path: it.path(),
        };
        names.take(&outer, Kind::Type, &item)?;
    }
    for service in pool.services() {
        let item = Item {
            what: "service",
            name: service.name(),
            file: service.parent_file(),
            path: service.path(),
        };
        // tonic makes a module of the client and one of the server.
        for side in ["client", "server"] {
            let module = format!("{}_{side}", item.name.to_snake_case());
            let package = scope(service.package_name());
            names.keep((package, Kind::Module, module), &item)?;
        }
    }
    Ok(())
}

/// The modules that a package is in Rust, each within the one before.
fn modules(package: &str) -> impl Iterator<Item = ((String, Kind, String), String)> {
    let ends = package.match_indices('.').map(|(at, _)| at);
    ends.chain([package.len()]).map(|end| {
        let package = &package[..end];
        let (outer, name) = package.rsplit_once('.').unwrap_or(("", package));
        let module = (scope(outer), Kind::Module, name.to_snake_case());
        (module, format!("package `{package}`"))
    })
}

/// The full name of what something is in: a message, or else the package.
fn outer(package: &str, message: Option<MessageDescriptor>) -> String {
    message.map_or_else(|| package.into(), |message| message.full_name().into())
}

/// The module in Rust of a package or a message, by its full name.
fn scope(full_name: &str) -> String {
    let parts = full_name.split('.').map(ToSnakeCase::to_snake_case);
    parts.collect::<Vec<_>>().join("::")
}

impl Names {
    fn message(&mut self, message: &MessageDescriptor) -> Result<(), String> {
        let outer = outer(message.package_name(), message.parent_message());
        let own = Item::of(message, "message", message.name(), message.path());
        self.take(&outer, Kind::Type, &own)?;

        // An optional field has a oneof in descriptors alone.
        let oneofs = message.oneofs().filter(|it| !it.is_synthetic());
        let oneofs = oneofs.collect::<Vec<_>>();
        let has_messages = message.child_messages().any(|it| !it.is_map_entry());
        if has_messages || message.child_enums().len() > 0 || !oneofs.is_empty() {
            self.take(&outer, Kind::Module, &own)?;
        }

        for it in message.fields() {
            if !oneofs
                .iter()
                .any(|oneof| it.containing_oneof().as_ref() == Some(oneof))
            {
                let field = Item::of(message, "field", it.name(), it.path());
                self.take(message.full_name(), Kind::Field, &field)?;
            }
        }
        for it in &oneofs {
            let oneof = Item::of(message, "oneof", it.name(), it.path());
            self.take(message.full_name(), Kind::Field, &oneof)?;
        }
        Ok(())
    }

    /// Takes the name that an item has in Rust.
    fn take(&mut self, outer: &str, kind: Kind, item: &Item) -> Result<(), String> {
        let rust = match kind {
            Kind::Type => item.name.to_upper_camel_case(),
            Kind::Module | Kind::Field => item.name.to_snake_case(),
        };
        self.keep((scope(outer), kind, rust), item)
    }

    fn keep(&mut self, key: (String, Kind, String), item: &Item) -> Result<(), String> {
        let rust = key.2.clone();
        let own = format!("{} `{}`", item.what, item.name);
        match self.0.insert(key, own.clone()) {
            None => Ok(()),
            Some(other) => Err(format!(
                "proto/{}: {own} and {other} are both `{rust}` in Rust, so rename one of them",
                item.place()
            )),
        }
    }
}

impl<'a> Item<'a> {
    /// A message, or what is in it.
    fn of(message: &MessageDescriptor, what: &'static str, name: &'a str, path: &'a [i32]) -> Self {
        let file = message.parent_file();
        Self {
            what,
            name,
            file,
            path,
        }
    }

    /// File, line and column.
    fn place(&self) -> String {
        let source = self.file.file_descriptor_proto().source_code_info.as_ref();
        let mut places = source.into_iter().flat_map(|it| &it.location);
        let place = places.find(|it| it.path == self.path);
        match place.map(|it| &it.span[..]) {
            Some([line, column, ..]) => {
                format!("{}:{}:{}", self.file.name(), line + 1, column + 1)
            }
            _ => self.file.name().into(),
        }
    }
}
