//! Flags that files have a say in, and what `--print-config` shows of all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chassis::{
    cli::{self, Flags as ChassisFlags},
    testing::Child,
};
use clap::Args;
use tempfile::TempDir;

use crate::{scripted::ABOUT, support::program};

/// What the program says of its settings, told these flags and variables.
fn printed(flags: &[&str], environment: &[(&str, &Path)]) -> String {
    let mut command = program();
    for (variable, value) in environment {
        command.env(ABOUT.variable(variable), value);
    }
    let output = command.args(flags).arg("--print-config").output().unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{problem}");
    String::from_utf8(output.stdout).unwrap()
}

/// What is wrong, which is one line.
#[track_caller]
fn problem(flags: &[&str], environment: &[(&str, &Path)]) -> String {
    let mut command = program();
    for (variable, value) in environment {
        command.env(ABOUT.variable(variable), value);
    }
    let (exit, log) = Child::spawn(command.args(flags)).wait();
    assert_eq!(exit.code(), Some(2), "{log:#?}");
    let [line] = &log[..] else { panic!("{log:#?}") };
    line.clone()
}

#[track_caller]
fn has_line(text: &str, line: &str) {
    assert!(
        text.lines().any(|it| it == line),
        "{line}\nis not in\n{text}"
    );
}

fn written(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_value_is_shown_with_where_it_is_from() {
    let flags = ["-l", "3", "--usetls", "--allow", "dns:a;dns:b"];
    let text = printed(&flags, &[("admin_port", Path::new("7"))]);
    for line in [
        "port = 0 # environment: SCRIPTED_PORT",
        "admin-port = 7 # environment: SCRIPTED_ADMIN_PORT",
        "usetls = true # flag",
        "loglevel = 3 # flag",
        r#"allow = ["dns:a", "dns:b"] # flag"#,
        "# dry-run = false # default",
        r#"# request-timeout = "30s" # default"#,
        "# client-attempts = 4 # default",
        "# certfile is not set",
    ] {
        has_line(&text, line);
    }
    assert!(
        !text.contains("help") && !text.contains("print-config"),
        "{text}"
    );
}

#[test]
fn a_variable_may_name_a_file_with_the_value_which_is_kept_secret() {
    let dir = TempDir::new().unwrap();
    let port = written(&dir, "port", "7\n");
    let named = [("admin_port_file", &*port)];
    let origin = format!("SCRIPTED_ADMIN_PORT_FILE: {}", port.display());
    has_line(
        &printed(&[], &named),
        &format!("# admin-port = *** # file: {origin}"),
    );
    // It counts as given.
    let (_, log) = Child::spawn(
        program()
            .env(ABOUT.variable("admin_port_file"), &port)
            .args(["--dry-run", "--loglevel", "5"]),
    )
    .wait();
    assert!(log.is_empty(), "{log:#?}");
    // A flag beats it.
    let text = printed(&["--admin-port", "8"], &named);
    has_line(&text, "admin-port = 8 # flag");

    let both = [("admin_port_file", &*port), ("admin_port", Path::new("8"))];
    assert!(
        problem(&[], &both)
            .contains("SCRIPTED_ADMIN_PORT and SCRIPTED_ADMIN_PORT_FILE are both set: remove one")
    );
    let missing = dir.path().join("missing");
    let line = problem(&[], &[("admin_port_file", &missing)]);
    let expected = format!(
        "SCRIPTED_ADMIN_PORT_FILE: {}: No such file",
        missing.display()
    );
    assert!(line.contains(&expected), "{line}");
    fs::write(&port, "hunter2").unwrap();
    let line = problem(&[], &named);
    assert!(
        line.contains(&format!("{origin}: invalid value '***'")),
        "{line}"
    );
    assert!(!line.contains("hunter2"), "{line}");
    // This is the variable of a flag of that name.
    let rules = written(&dir, "rules", "dns:a");
    let text = printed(&[], &[("allow_file", &rules)]);
    let line = format!(
        r#"allow-file = "{}" # environment: SCRIPTED_ALLOW_FILE"#,
        rules.display()
    );
    has_line(&text, &line);
}

#[derive(Args, Debug)]
struct Flags {
    /// A secret by itself
    #[arg(long, hide_env_values = true, value_parser = ["hunter2"])]
    password: Option<String>,
    #[command(flatten)]
    _chassis: ChassisFlags,
}

#[test]
fn a_secret_is_neither_shown_nor_quoted() {
    let told = |password: &str| {
        let arguments = ["test", "--password", password, "--print-config"];
        format!(
            "{:?}",
            cli::parse_from::<Flags>(&ABOUT, arguments).unwrap_err()
        )
    };
    let shown = told("hunter2");
    assert!(
        shown.contains("password = ") && !shown.contains("hunter2"),
        "{shown}"
    );
    let refused = told("hunter3");
    assert!(refused.contains("invalid value '***'"), "{refused}");
    assert!(!refused.contains("hunter3"), "{refused}");
}

#[cfg(feature = "config")]
mod config {
    use super::*;

    #[test]
    fn a_file_of_settings_beats_the_default_alone() {
        let dir = TempDir::new().unwrap();
        let text = "admin-port = 7\nusetls = true\ndry-run = false\nallow = [\"dns:a\", \"dns:b\"]\n\
                    port = 1\nrequest-timeout = \"1s\"\nloglevel = \"debug\"\n";
        let file = written(&dir, "settings.toml", text);
        let name = file.to_str().unwrap();
        let text = printed(&["--config", name, "--loglevel", "3"], &[]);
        for line in [
            format!("admin-port = 7 # file: {name}"),
            format!("usetls = true # file: {name}"),
            format!(r#"allow = ["dns:a", "dns:b"] # file: {name}"#),
            format!(r#"request-timeout = "1s" # file: {name}"#),
            "port = 0 # environment: SCRIPTED_PORT".into(),
            "loglevel = 3 # flag".into(),
            format!(r#"# config = "{name}" # flag"#),
        ] {
            has_line(&text, &line);
        }
        let by_variable = printed(&[], &[("config", &file)]);
        has_line(&by_variable, &format!("admin-port = 7 # file: {name}"));
        // What is shown is a file of settings, too.
        let again = written(&dir, "again.toml", &by_variable);
        let again = printed(&["--config", again.to_str().unwrap()], &[]);
        let values = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.contains("config"));
            lines
                .map(|line| line.split(" # ").next().unwrap().into())
                .collect()
        };
        assert_eq!(values(&again), values(&by_variable));
    }

    #[test]
    fn what_one_flag_needs_another_may_have_in_the_file() {
        let dir = TempDir::new().unwrap();
        let text = "client-port = 7\nclient-usetls = true\n";
        let file = written(&dir, "settings.toml", text);
        let name = file.to_str().unwrap();
        printed(&["--config", name, "--client-cafile", "ca.pem"], &[]);
        assert!(problem(&["--config", name], &[]).contains("--client-cafile"));
    }

    #[test]
    fn what_is_wrong_with_the_file_is_one_sentence() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("settings.toml");
        let name = file.to_str().unwrap().to_owned();
        let told = |text: &str| {
            fs::write(&file, text).unwrap();
            problem(&["--config", &name], &[])
        };
        for (text, expected) in [
            (
                "prot = 1",
                r#"settings.toml: "prot" is not the name of a flag; is it port?"#,
            ),
            (
                "config = \"x\"",
                r#"settings.toml: "config" is not the name of a flag"#,
            ),
            (
                "help = true",
                r#"settings.toml: "help" is not the name of a flag"#,
            ),
            (
                "[client]\nport = 1",
                r#"settings.toml: "client" is not the name of a flag"#,
            ),
            (
                "ip = 1979-05-27",
                r#""ip" has to be a text, a number, true or false"#,
            ),
            ("\nip", "settings.toml line 2: "),
            (
                "usetls = 1",
                "settings.toml: --usetls is a switch: true or false",
            ),
            (
                "admin-port = 70000",
                "settings.toml: invalid value '70000' for '--admin-port",
            ),
        ] {
            let line = told(text);
            assert!(line.contains(expected), "{text}: {line}");
        }
        fs::remove_file(&file).unwrap();
        let line = problem(&["--config", &name], &[]);
        assert!(line.contains("settings.toml: No such file"), "{line}");
    }
}
