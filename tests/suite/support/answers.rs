//! A service's name and the answers to its questions.

use std::collections::BTreeMap;

use super::repository::{files, read, root};

/// What someone answers; a question left out takes its default.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    pub name: String,
    pub values: BTreeMap<String, String>,
}

impl Answers {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    pub fn with(mut self, question: &str, answer: impl Into<String>) -> Self {
        self.values.insert(question.into(), answer.into());
        self
    }

    /// The answer that the generated service must show, be it given or by default.
    pub fn get(&self, question: &str) -> String {
        let name = &self.name;
        let given = self.values.get(question).map(|answer| answer.trim());
        given.map_or_else(
            || match question {
                "author" => super::generator::AUTHOR.into(),
                "description" if name.ends_with("service") => format!("The {name}"),
                "description" => format!("The {name} service"),
                "port" => "42302".into(),
                "proto_package" => format!("{}.v1", self.crate_name()),
                "registry" => "localhost:5000".into(),
                "license" => "MIT".into(),
                "chassis" => "own".into(),
                _ => panic!("no question: {question}"),
            },
            Into::into,
        )
    }

    pub fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The author without an e-mail address.
    pub fn author_name(&self) -> String {
        let author = self.get("author");
        match author.split_once('<') {
            Some((name, rest)) if !name.is_empty() && rest.ends_with('>') => name.trim().into(),
            _ => author,
        }
    }

    /// The contract's file, relative to the service.
    pub fn contract(&self) -> String {
        format!(
            "api/proto/{}/{}.proto",
            self.get("proto_package").replace('.', "/"),
            self.crate_name()
        )
    }

    /// As cargo-generate's `--values-file` wants it.
    pub fn to_values_file(&self) -> String {
        let values = BTreeMap::from([("values", &self.values)]);
        toml::to_string(&values).unwrap()
    }
}

/// The samples in `examples/`.
pub fn examples() -> Vec<Answers> {
    files(&root().join("examples"))
        .iter()
        .map(|file| example(file.file_stem().unwrap().to_str().unwrap()))
        .collect()
}

/// One of them: its file is named after its service.
pub fn example(name: &str) -> Answers {
    let file: toml::Table = read(format!("examples/{name}.toml")).parse().unwrap();
    let mut answers = Answers::new(name);
    for (question, answer) in file["values"].as_table().unwrap() {
        answers = answers.with(question, answer.as_str().unwrap());
    }
    answers
}
