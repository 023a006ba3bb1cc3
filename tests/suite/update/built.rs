//! A service with all the changes that people make, updated, resolved and built.

use super::{
    changes::{
        adds_a_dependency, adds_a_flag, adds_a_make_target, adds_an_rpc, adds_files,
        changes_a_whole_module, deletes_a_file, raises_the_version_of_the_contract, renames_a_flag,
        rewrites_the_core, rewrites_the_readme,
    },
    fixture::Service,
};
use crate::support::sample::Turn;

#[test]
fn eleven_changes_and_an_update_later_it_builds_and_passes_its_tests() {
    let service = Service::changed_by(|service| {
        renames_a_flag(service);
        adds_a_flag(service);
        adds_an_rpc(service);
        rewrites_the_core(service);
        deletes_a_file(service);
        adds_files(service);
        adds_a_make_target(service);
        rewrites_the_readme(service);
        adds_a_dependency(service);
        changes_a_whole_module(service);
        raises_the_version_of_the_contract(service);
    });
    let conflicts = ["README.md", "chassis/src/signals.rs", "src/service.rs"];
    service.update(&conflicts);
    let repository = &service.repository;
    repository.git(&[&["checkout", "--ours", "--"], &conflicts[..]].concat());
    repository.commit("Updated");
    let turn = Turn::take(&repository.0, "order-book");
    let packages = ["--package", "order-book", "--package", "order-book-api"];
    let units = [&packages[..], &["--lib", "--bins"]].concat();
    for tests in [&units[..], &["--test", "it", "contract::"]] {
        let arguments = [&["test", "--locked", "--quiet"], tests].concat();
        let said = turn.run(&repository.0, "cargo", &arguments);
        let first = said.lines().find(|line| line.starts_with("test result"));
        assert!(
            first.is_some_and(|line| !line.contains(" 0 passed")),
            "{said}"
        );
    }
}
