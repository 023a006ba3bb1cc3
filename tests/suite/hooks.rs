//! What the hooks may do, and the lists in them that must follow other files.

use std::{collections::BTreeSet, path::Path};

use syn::UseTree;
use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    generator::Generator,
    repository::{files, questions, read, root},
};

#[test]
fn hooks_run_no_system_commands() {
    for file in files(&root().join("hooks")) {
        let hook = read(root().join("hooks").join(&file));
        let file = file.display();
        // system::date is a clock.
        let system = hook.replace("system::date()", "");
        assert!(
            !system.contains("system::"),
            "hooks/{file} leaves its sandbox"
        );
        assert!(!hook.contains("eval"), "hooks/{file} runs text as code");
    }
}

/// Answers that are taken and never asked for.
const UNASKED: [&str; 2] = ["chassis", "workspace"];

/// Each question has its words, its rule and its default.
#[test]
fn hooks_know_every_question() {
    let words = read("hooks/question.rhai");
    for question in questions() {
        let asked = words.contains(&format!("        \"{question}\" => "));
        let unasked = UNASKED.contains(&&*question);
        assert!(asked != unasked, "hooks/question.rhai: {question}");
    }
    for question in questions() {
        assert!(
            root().join(format!("hooks/rules/{question}.rhai")).exists(),
            "{question}"
        );
        for hook in ["kind", "defaults"] {
            let text = read(format!("hooks/{hook}.rhai"));
            assert!(
                text.contains(&format!("\"{question}\"")),
                "{hook} leaves out {question}"
            );
        }
        // Whether it is a member of a workspace, the service itself shows.
        let remembered = read("template/.template.toml");
        assert!(
            question == "workspace" || remembered.contains(&format!("\n{question} = ")),
            "{question} is forgotten"
        );
        let explained = read("docs/generating.md");
        assert!(
            explained.contains(&format!("| `{question}` ")),
            "docs/generating.md leaves out {question}"
        );
    }
}

#[test]
fn every_hook_is_run() {
    let config = read("cargo-generate.toml") + &read("system/cargo-generate.toml");
    let hooks: String = files(&root().join("hooks"))
        .iter()
        .map(|file| read(root().join("hooks").join(file)))
        .collect();
    for file in files(&root().join("hooks")) {
        let name = file.with_extension("");
        let name = name.to_str().unwrap();
        let rule = name.strip_prefix("rules/").unwrap_or(name);
        let runs = config.contains(&format!("\"../hooks/{name}.rhai\""))
            || hooks.contains(&format!("import \"../hooks/{name}\" as"))
            || questions().iter().any(|question| question == rule);
        assert!(runs, "nobody runs hooks/{name}.rhai");
    }
}

/// A service that is called like one of its dependencies makes its Cargo.lock ambiguous.
#[test]
fn every_package_of_the_service_is_taken() {
    let lock: toml::Table = read("template/Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter();
    let packages: BTreeSet<_> = packages
        .map(|package| package["name"].as_str().unwrap().replace('_', "-"))
        .filter(|name| !name.starts_with("{{project-name}}"))
        .collect();
    assert_taken(&packages);
    // A service has an api, which is a package, too.
    let services = packages.iter().filter_map(|name| name.strip_suffix("-api"));
    assert_taken(&services.map(String::from).collect());
}

/// In `use order_book::app`, the first word must mean the crate and nothing else: neither a module
/// nor an import of the file it stands in. Inside of the library nobody says the crate's name, and
/// the other packages don't know it.
#[test]
fn every_name_beside_the_crate_is_taken() {
    let directory = TempDir::new().unwrap();
    let service = Generator::oldest().generate(directory.path(), &Answers::new("order-book"));
    let library = |file: &Path| file.starts_with("src") && !file.starts_with("src/bin");
    let another = |file: &Path| file.starts_with("api") || file.starts_with("chassis");
    let names: BTreeSet<_> = files(&service)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .filter(|file| !another(file) && (!library(file) || file.ends_with("main.rs")))
        .flat_map(|file| {
            let source = std::fs::read_to_string(service.join(file)).unwrap();
            let items = syn::parse_file(&source).unwrap().items;
            items
                .into_iter()
                .filter(move |_| source.contains("order_book::"))
        })
        .flat_map(|item| match item {
            syn::Item::Mod(module) => vec![module.ident.to_string()],
            syn::Item::Use(import) => imported(&import.tree),
            _ => vec![],
        })
        .filter(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .filter(|name| name != "self" && name != "order_book")
        .map(|name| name.replace('_', "-"))
        .collect();
    assert!(names.contains("app"), "{names:?}");
    assert_taken(&names);
}

/// The names that `use tree` brings in.
fn imported(tree: &UseTree) -> Vec<String> {
    match tree {
        UseTree::Path(path) => {
            let mut names = imported(&path.tree);
            if names.iter().any(|name| name == "self") {
                names.push(path.ident.to_string());
            }
            names
        }
        UseTree::Name(name) => vec![name.ident.to_string()],
        UseTree::Rename(rename) => vec![rename.rename.to_string()],
        UseTree::Glob(_) => vec![],
        UseTree::Group(group) => group.items.iter().flat_map(imported).collect(),
    }
}

fn assert_taken(names: &BTreeSet<String>) {
    let rule = read("hooks/rules/taken-names.rhai");
    let free: Vec<_> = names
        .iter()
        .filter(|name| !rule.contains(&format!("\"{name}\"")))
        .collect();
    assert!(
        free.is_empty(),
        "hooks/rules/taken-names.rhai leaves out {free:?}"
    );
}
