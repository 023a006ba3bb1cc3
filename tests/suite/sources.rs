//! Where the template is taken from makes no difference to what comes out, nor to how long it takes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::{
    answers::{Answers, examples},
    command::run,
    generator::Generator,
    repository::{files, oldest, root},
};

/// Every file below `directory` with its bytes and whether it can be executed.
pub fn contents(directory: &Path) -> Vec<(PathBuf, bool, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt;

    let read = |file: PathBuf| {
        let path = directory.join(&file);
        let executable = fs::metadata(&path).unwrap().permissions().mode() & 0o100 != 0;
        (file, executable, fs::read(path).unwrap())
    };
    files(directory).into_iter().map(read).collect()
}

/// The checkout as it is, with what is not committed yet, as a git repository with a tag.
pub struct Repository(TempDir);

impl Repository {
    pub fn with_tag(tag: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let list = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let listed = run(Command::new("git").args(list).current_dir(root()));
        for file in listed
            .split_terminator('\0')
            .filter(|file| root().join(file).exists())
        {
            let copy = directory.path().join(file);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(root().join(file), copy).unwrap();
        }
        let repository = Self(directory);
        repository.git(&["init", "--quiet"]);
        repository.git(&["add", "--all"]);
        repository.git(&["commit", "--quiet", "--message", "The template"]);
        repository.git(&["tag", tag]);
        // The tag is what must be taken, not the newest commit.
        fs::write(repository.0.path().join("template/LATER"), "").unwrap();
        repository.git(&["add", "--all"]);
        repository.git(&["commit", "--quiet", "--message", "Later"]);
        repository
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
        run(Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(&self.0));
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.0.path().display())
    }
}

/// The three samples from a path, from a tag, and through a favourite: the same bytes.
pub fn every_source_gives_the_same(cargo_generate: &Path) {
    let repository = Repository::with_tag("v1");
    let url = repository.url();
    let tagged = ["--git", &url, "--tag", "v1", "template"];
    let by_path = Generator::at(cargo_generate);
    let by_tag = Generator::at(cargo_generate).from(tagged);
    let by_favourite = Generator::at(cargo_generate).from(["service"]);
    let favourite =
        format!("[favorites.service]\ngit = {url:?}\ntag = \"v1\"\nsubfolder = \"template\"\n");
    let configuration = by_favourite.home().join(".cargo/cargo-generate.toml");
    fs::create_dir_all(configuration.parent().unwrap()).unwrap();
    fs::write(configuration, favourite).unwrap();

    for answers in examples() {
        let [path, tag, favourite] = [&by_path, &by_tag, &by_favourite].map(|generator| {
            let directory = TempDir::new().unwrap();
            contents(&generator.generate(directory.path(), &answers))
        });
        assert!(path.len() > 20);
        assert!(
            path == tag,
            "{} differs between --path and --git",
            answers.name
        );
        assert!(
            path == favourite,
            "{} differs through a favourite",
            answers.name
        );
    }
}

/// Nobody else tells the service where it came from.
#[test]
fn a_favourite_may_say_where_it_is() {
    let repository = Repository::with_tag("v1");
    let url = repository.url();
    let generator = Generator::oldest().from(["service"]);
    let favourite = format!(
        "[favorites.service]\ngit = {url:?}\nsubfolder = \"template\"\n\n\
         [favorites.service.values]\ntemplate_source = {url:?}\n"
    );
    let configuration = generator.home().join(".cargo/cargo-generate.toml");
    fs::create_dir_all(configuration.parent().unwrap()).unwrap();
    fs::write(configuration, favourite).unwrap();
    let directory = TempDir::new().unwrap();
    let service = generator.generate(directory.path(), &Answers::new("greeter"));
    let remembered = fs::read_to_string(service.join(".template.toml")).unwrap();
    assert!(
        remembered.contains(&format!("source = {url:?}")),
        "{remembered}"
    );
}

#[test]
fn path_tag_and_favourite_give_the_same_bytes() {
    every_source_gives_the_same(oldest());
}

/// The oldest cargo-generate copies the checkout first, so build output must not lie in its way.
#[test]
fn a_generation_takes_less_than_a_second() {
    let built: u64 = walkdir::WalkDir::new(root().join("target"))
        .into_iter()
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|file| file.len())
        .sum();
    // A machine that is busy with other tests takes longer, for a checkout without build output too.
    let clean = Repository::with_tag("v1");
    let source = ["--path", clean.0.path().to_str().unwrap(), "template"];
    let generators = [Generator::oldest(), Generator::oldest().from(source)];
    let mut best = [Duration::MAX; 2];
    for _ in 0..5 {
        for (best, generator) in best.iter_mut().zip(&generators) {
            let directory = TempDir::new().unwrap();
            let start = Instant::now();
            generator.generate(directory.path(), &Answers::new("order-book"));
            *best = start.elapsed().min(*best);
        }
    }
    let [here, clean] = best;
    assert!(
        here < (3 * clean).max(Duration::from_secs(1)),
        "{here:?} with {built} bytes in target/, {clean:?} without"
    );
    println!("a generation takes {here:?} with {built} bytes in target/, {clean:?} without");
}
