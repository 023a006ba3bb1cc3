//! The service's CI: make targets that exist, actions pinned by digest, no right that isn't needed.

use std::collections::BTreeSet;

use yaml_rust2::{Yaml, YamlLoader};

use super::fixture::Service;
use crate::support::repository::read;

const WORKFLOWS: [&str; 3] = ["ci.yml", "release.yml", "scheduled.yml"];

/// The steps of all jobs in each workflow of a generated service.
fn steps(service: &Service) -> Vec<Yaml> {
    let mut steps = Vec::new();
    for name in WORKFLOWS {
        let text = service
            .repository
            .read(&format!(".github/workflows/{name}"));
        let workflow = YamlLoader::load_from_str(&text).unwrap().remove(0);
        for (_, job) in workflow["jobs"].as_hash().unwrap() {
            steps.extend(job["steps"].as_vec().unwrap().clone());
        }
    }
    steps
}

/// The targets of a Makefile.
pub fn targets(makefile: &str) -> BTreeSet<&str> {
    let rules = makefile.lines().filter(|line| !line.starts_with('\t'));
    let names = rules
        .filter_map(|line| line.split_once(':'))
        .map(|(names, _)| names);
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    names
        .filter(|name| !name.is_empty() && plain(name))
        .collect()
}

#[test]
fn github_expressions_are_still_there() {
    let service = Service::new();
    for name in WORKFLOWS {
        let template = read(format!("template/.github/workflows/{name}"));
        let generated = service
            .repository
            .read(&format!(".github/workflows/{name}"));
        let unwrapped = template
            .replace("{% raw %}", "")
            .replace("{% endraw %}", "")
            .replace("{% if chassis_is_own == \"yes\" %}", "")
            .replace("{% endif %}", "")
            .replace("{{project-name}}", "order-book")
            .replace("{{registry}}", "localhost:5000");
        assert_eq!(generated, unwrapped, "{name}");
        assert!(generated.contains("${{ "), "{name}");
    }
}

#[test]
fn they_run_make_targets_that_exist_and_nothing_else() {
    let service = Service::new();
    let makefile = service.repository.read("Makefile");
    let targets = targets(&makefile);
    for step in steps(&service) {
        let Some(command) = step["run"].as_str() else {
            continue;
        };
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("make"), "{command}");
        let named: Vec<_> = words.take_while(|word| !word.contains('=')).collect();
        assert!(!named.is_empty(), "{command}");
        for target in named {
            assert!(targets.contains(target), "{command}: there is no {target}");
        }
    }
}

#[test]
fn actions_are_pinned_by_digest_and_named_by_version() {
    let mut pinned = 0;
    for name in WORKFLOWS {
        let text = read(format!("template/.github/workflows/{name}"));
        for line in text.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let (_, digest) = action.split_once('@').unwrap();
            let (digest, version) = digest.split_once(" # v").unwrap();
            assert!(
                digest.len() == 40 && digest.chars().all(|c| c.is_ascii_hexdigit()),
                "{action}"
            );
            assert!(
                version.starts_with(|c: char| c.is_ascii_digit()),
                "{action}"
            );
            pinned += 1;
        }
    }
    assert!(pinned > WORKFLOWS.len());
}

#[test]
fn only_a_release_may_write() {
    let service = Service::new();
    for name in WORKFLOWS {
        let text = service
            .repository
            .read(&format!(".github/workflows/{name}"));
        let workflow = YamlLoader::load_from_str(&text).unwrap().remove(0);
        assert_eq!(
            workflow["permissions"]["contents"].as_str(),
            Some("read"),
            "{name}"
        );
        assert_eq!(
            workflow["permissions"].as_hash().unwrap().len(),
            1,
            "{name}"
        );
        assert_eq!(text.contains(": write"), name == "release.yml", "{name}");
        assert_eq!(
            text.matches("actions/checkout@").count(),
            text.matches("persist-credentials: false").count(),
            "{name}"
        );
    }
}
