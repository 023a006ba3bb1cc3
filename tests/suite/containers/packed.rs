//! One service that is built once and packed by every engine, for all tests of images.

use std::{
    fmt::{self, Display},
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    command::{as_typed, output, run},
    generator::Generator,
    repository::{build_directory, renew, target_directory},
    sample::Turn,
};

/// A name that no image of the machine's owner has.
pub const NAME: &str = "packed-sample";

/// What makes, runs and keeps images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Engine {
    Docker,
    Podman,
    Buildah,
}

impl Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        })
    }
}

/// The service, in a repository with one commit, and its release binary.
pub struct Packed {
    pub directory: PathBuf,
    archives: [OnceLock<PathBuf>; 3],
    _cleaner: Option<Child>,
}

/// Builds it, when it is its turn.
pub fn packed() -> &'static Packed {
    static PACKED: LazyLock<Packed> = LazyLock::new(Packed::new);
    &PACKED
}

/// Packing has turns of its own: it builds releases alone, which cargo keeps apart, of a name that no
/// other has. While it links or waits for an engine, others are compiled.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Packed {
    fn new() -> Self {
        let directory = build_directory("packed").join(NAME);
        lay_out(&directory);
        Turn::wait().receive(&directory, NAME);
        let cleaner =
            cfg!(docker).then(|| at_the_end("make dockerclean ENGINE=docker", &directory));
        let packed = Self {
            directory,
            archives: [const { OnceLock::new() }; 3],
            _cleaner: cleaner,
        };
        let alone = alone();
        run(&mut packed.make(&["all"]));
        drop(alone);
        packed
    }

    /// The image's name, with the tag that the commit gives it.
    pub fn image(&self) -> String {
        let tag = run(&mut self.command("ci/tag"));
        format!("{NAME}:{}", tag.trim())
    }

    pub fn binary(&self) -> PathBuf {
        self.directory.join("deploy").join(NAME)
    }

    /// The image as `engine` saved it; the engine has it, too.
    pub fn archive(&self, engine: Engine) -> &Path {
        self.archives[engine as usize].get_or_init(|| {
            let _alone = alone();
            run(&mut self.make(&["docker", &format!("ENGINE={engine}")]));
            let saved = self.binary().with_extension("tar");
            let archive = build_directory("packed").join(format!("{engine}.tar"));
            fs::copy(saved, &archive).unwrap();
            archive
        })
    }

    /// The manifests of an overlay, with `image` in them.
    pub fn render(&self, overlay: &str, image: &str) -> String {
        run(self.command("ci/render").args([overlay, image]))
    }

    /// Runs make, when it is its turn, which must succeed.
    pub fn makes(&self, arguments: &[&str]) -> String {
        let _alone = alone();
        run(&mut self.make(arguments))
    }

    /// The same where it compiles what the service is tried with: its tests, its demo client.
    pub fn tries(&self, arguments: &[&str]) -> String {
        let (_alone, _turn) = (alone(), Turn::wait());
        run(&mut self.make(arguments))
    }

    /// Calls an engine, however that ends.
    pub fn engine(&self, engine: Engine, arguments: &[&str]) -> Output {
        output(self.command(&engine.to_string()).args(arguments))
    }

    /// Calls an engine, which must succeed, and returns what it printed.
    pub fn ask(&self, engine: Engine, arguments: &[&str]) -> String {
        run(self.command(&engine.to_string()).args(arguments))
    }

    fn make(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("make");
        command.args(arguments);
        command
    }

    fn command(&self, program: &str) -> Command {
        in_service(&self.directory, program)
    }
}

/// `program`, to be run in the service at `directory`, with storage of its own for podman and buildah.
pub fn in_service(directory: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target_directory())
        .env("CONTAINERS_CONF", containers().join("containers.conf"))
        .env("CONTAINERS_STORAGE_CONF", containers().join("storage.conf"))
        .env_remove("RUSTFLAGS");
    command
}

/// Generates the service, and commits it.
fn lay_out(directory: &Path) {
    let parent = TempDir::new().unwrap();
    let new = Generator::oldest().generate(parent.path(), &Answers::new(NAME));
    renew(directory, &new);
}

/// Where podman and buildah keep what the tests make, and how they are set up for it.
fn containers() -> &'static Path {
    static DIRECTORY: LazyLock<(PathBuf, Child)> = LazyLock::new(|| {
        let directory = TempDir::new().unwrap().keep();
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/storage\"\nrunroot = \"{0}/run\"\n",
            directory.display()
        );
        fs::write(directory.join("storage.conf"), storage).unwrap();
        fs::write(
            directory.join("containers.conf"),
            containers_conf(&directory),
        )
        .unwrap();
        let cleaner = at_the_end(r#"rm -rf "$PWD""#, &directory);
        (directory, cleaner)
    });
    &DIRECTORY.0
}

/// What podman needs where it may not raise limits, and where nobody runs systemd.
fn containers_conf(directory: &Path) -> String {
    // It knows containers by their names, as the older one does not by itself.
    let backend = if cfg!(netavark) {
        "network_backend = \"netavark\"\n"
    } else {
        ""
    };
    let mut conf = format!(
        "[containers]\n\
         default_ulimits = [\"nofile=16384:16384\", \"nproc=16384:16384\"]\n\
         [network]\n\
         {backend}\
         network_config_dir = \"{}/networks\"\n\
         [engine]\n\
         cgroup_manager = \"cgroupfs\"\n\
         events_logger = \"file\"\n",
        directory.display()
    );
    // The other runtime, crun, refuses the first kind of control groups.
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        conf += "runtime = \"runc\"\n";
    }
    conf
}

/// Runs `script` in `directory` when its stdin ends, that is when this process does, however.
pub fn at_the_end(script: &str, directory: &Path) -> Child {
    as_typed(&mut Command::new("sh"))
        .args(["-c", &format!("cat; {script}")])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is for the tests.
        .process_group(0)
        .spawn()
        .unwrap()
}
