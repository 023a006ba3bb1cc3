//! Comments of a contract, as rustdoc reads them.

/// The comment, none of its code an example that rustdoc would compile and run: what is within
/// fences is said to be text, and nothing is indented as far as code is.
pub fn without_doctests(comment: &str) -> String {
    let mut begun = None;
    let lines = comment.lines().map(|line| {
        // A fence may stand behind the marks of a list or of a quotation.
        let text = line.trim_start_matches([' ', '\t', '>', '*', '-', '+']);
        let mark = &line[..line.len() - text.len()];
        match (begun, fence(text)) {
            (None, Some(fence)) => {
                begun = Some(fence);
                format!("{mark}{fence}text")
            }
            (None, None) => {
                let text = line.trim_start();
                let indent = (line.len() - text.len()).min(3);
                format!("{:indent$}{text}", "")
            }
            (Some(fence), end) => {
                begun = (!end.is_some_and(|end| end.starts_with(fence))).then_some(fence);
                line.into()
            }
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The fence that a line begins with, if it is one.
fn fence(line: &str) -> Option<&str> {
    let mark = line.chars().next().filter(|mark| "`~".contains(*mark))?;
    let info = line.trim_start_matches(mark);
    let fence = &line[..line.len() - info.len()];
    (fence.len() >= 3 && !info.contains('`')).then_some(fence)
}
