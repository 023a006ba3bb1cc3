//! What is written for people to read holds together.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    command::run,
    generator::Generator,
    repository::{files, read, root},
};

/// Every link to a file of the same tree leads to one.
#[test]
fn links_lead_somewhere() {
    let directory = TempDir::new().unwrap();
    let service = Generator::oldest().generate(directory.path(), &Answers::new("order-book"));
    let mut followed = 0;
    for tree in [root(), &service] {
        let pages = files(tree).into_iter().filter(|file| {
            file.extension().is_some_and(|extension| extension == "md")
                && !file.starts_with("target")
                && !(tree == root() && file.starts_with("template"))
        });
        for page in pages {
            let text = fs::read_to_string(tree.join(&page)).unwrap();
            for link in links(&text) {
                let place = tree.join(&page).parent().unwrap().join(link);
                assert!(place.exists(), "{} links to {link}", page.display());
                followed += 1;
            }
        }
    }
    assert!(followed > 40, "only {followed} links");
}

/// The relative links of a page in Markdown, without what follows `#`.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("](").skip(1).filter_map(|rest| {
        let link = rest.split([')', '#']).next().unwrap();
        (!link.is_empty() && !link.contains(':')).then_some(link)
    })
}

#[test]
fn the_picture_is_as_it_is_drawn() {
    let drawn = run(&mut Command::new(root().join(".ci/draw-house")));
    assert!(
        drawn == read("docs/house.svg"),
        ".ci/draw-house >docs/house.svg brings the picture up to date"
    );
}

/// 24 lines of 100 columns, for a name that is not too long.
#[test]
fn make_help_fits_on_a_screen() {
    let directory = TempDir::new().unwrap();
    let service = Generator::oldest().generate(directory.path(), &Answers::new("order-book"));
    for place in [root(), &service] {
        let short = help(place, &[]);
        assert!(short.lines().count() <= 24, "{short}");
        for line in short.lines() {
            assert!(line.len() <= 100, "{line}");
        }
        // And leaves nothing out.
        let long = help(place, &["ALL=1"]);
        for line in long.lines().filter(|line| line.starts_with("  ")) {
            let target = line.split_whitespace().next().unwrap();
            assert!(
                short.split_whitespace().any(|word| word == target),
                "{target} is missing in:\n{short}"
            );
        }
    }
}

fn help(place: &Path, arguments: &[&str]) -> String {
    run(Command::new("make")
        .arg("help")
        .args(arguments)
        .current_dir(place))
}
