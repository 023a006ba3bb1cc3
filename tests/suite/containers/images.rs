//! The image: what is in it, how it runs, and that it is the same however it is built.

use crate::support::{answers::example, repository::python, sample::Sample};

#[test]
fn the_dockerfile_is_sound() {
    let Some(python) = python() else { return };
    let sample = Sample::new(example("order-book"));
    let hadolint = python.with_file_name("hadolint");
    sample.run(hadolint.to_str().unwrap(), &["deploy/Dockerfile"]);
}
