//! Traffic flows one way: in each package of a service, no two modules import each other, be it by
//! way of others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{Item, UseTree};
use tempfile::TempDir;

use crate::support::{answers::Answers, generator::Generator, repository::files};

/// Modules by their path, as in `["server", "cork"]`, and those that each imports.
type Imports = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

#[test]
fn no_module_imports_one_that_imports_it() {
    let directory = TempDir::new().unwrap();
    let service = Generator::oldest().generate(directory.path(), &Answers::new("order-book"));
    for package in ["src", "api/src", "chassis/src"] {
        let imports = imports(&service.join(package));
        assert!(imports.values().any(|imported| !imported.is_empty()));
        let circles = circles(imports);
        assert!(circles.is_empty(), "{package} has a circle: {circles:?}");
    }
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let imports = BTreeMap::from([
        (module("a"), BTreeSet::from([module("b")])),
        (module("b"), BTreeSet::from([module("c")])),
        (module("c"), BTreeSet::from([module("b")])),
    ]);
    assert_eq!(
        circles(imports),
        BTreeSet::from([module("a"), module("b"), module("c")])
    );
}

/// What is left when again and again those go that import nothing: the circles, and who leads there.
fn circles(mut imports: Imports) -> BTreeSet<Vec<String>> {
    loop {
        let before = imports.len();
        let done: BTreeSet<_> = imports
            .iter()
            .filter(|(_, imported)| imported.is_empty())
            .map(|(module, _)| module.clone())
            .collect();
        imports.retain(|module, _| !done.contains(module));
        for imported in imports.values_mut() {
            imported.retain(|module| !done.contains(module));
        }
        if imports.len() == before {
            return imports.into_keys().collect();
        }
    }
}

fn imports(source: &Path) -> Imports {
    let sources: BTreeMap<_, _> = files(source)
        .iter()
        .filter(|file| !file.starts_with("bin") && !file.ends_with("main.rs"))
        .map(|file| {
            let text = fs::read_to_string(source.join(file)).unwrap();
            (module(file), syn::parse_file(&text).unwrap().items)
        })
        .collect();
    let known = |path: &[String]| {
        let mut lengths = (0..=path.len()).rev();
        let found = lengths.find_map(|length| sources.get_key_value(&path[..length]));
        found.map(|(module, _)| module.clone())
    };
    sources
        .iter()
        .map(|(module, items)| {
            let paths = items.iter().flat_map(|item| used(module, item));
            let imported = paths.filter_map(|path| known(&path));
            (
                module.clone(),
                imported.filter(|other| other != module).collect(),
            )
        })
        .collect()
}

/// `server/cork.rs` is the module `server::cork`, and `server/mod.rs` is `server`.
fn module(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
    names
        .filter(|name| name != "mod" && name != "lib")
        .collect()
}

/// The paths within its own package that `item` of `module` imports.
fn used(module: &[String], item: &Item) -> Vec<Vec<String>> {
    let Item::Use(import) = item else {
        return vec![];
    };
    let mut paths = Vec::new();
    leaves(&import.tree, &mut Vec::new(), &mut paths);
    paths
        .into_iter()
        .filter_map(|path| {
            let (first, rest) = path.split_first()?;
            let ups = path.iter().take_while(|name| *name == "super").count();
            match first.as_str() {
                "crate" => Some(rest.to_vec()),
                "self" => Some([module, rest].concat()),
                "super" => Some([&module[..module.len() - ups], &path[ups..]].concat()),
                _ => None,
            }
        })
        .collect()
}

/// Each name that `tree` brings in, with the way to it.
fn leaves(tree: &UseTree, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            way.push(path.ident.to_string());
            leaves(&path.tree, way, found);
            way.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, way, found);
            }
        }
        UseTree::Name(name) if name.ident != "self" => {
            let name = name.ident.to_string();
            found.push([&way[..], &[name]].concat());
        }
        UseTree::Rename(rename) if rename.ident != "self" => {
            let name = rename.ident.to_string();
            found.push([&way[..], &[name]].concat());
        }
        UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => found.push(way.clone()),
    }
}
