//! The text of a PEM file (RFC 7468), read strictly: what a lenient reader drops
//! in silence, such as a certificate whose BEGIN stands on the line of another's
//! END, is an error that names the line.
//!
//! Text before a BEGIN explains what follows, as `openssl` writes it there, and
//! is passed over. After the last END it explains nothing.

use std::{fmt::Display, path::Path};

use tokio_rustls::rustls::pki_types::pem::{PemObject, SectionKind};

use crate::file::Error;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// What stands between a BEGIN and its END.
pub(super) struct Section<'a> {
    pub(super) label: &'a str,
    /// The line of its BEGIN, counted from 1.
    pub(super) line: usize,
    /// By a passphrase, as openssl did before PKCS#8.
    pub(super) encrypted: bool,
    text: &'a [u8],
}

/// A line, as far as it is one of two that stand around a section.
enum Boundary<'a> {
    Begin(&'a str),
    End(&'a str),
    /// More than one of them, or one with more on its line.
    Torn,
    None,
}

/// The sections of `pem`, which stands in the file at `path`.
pub(super) fn sections<'a>(path: &Path, pem: &'a [u8]) -> Result<Vec<Section<'a>>, Error> {
    let mut sections = Vec::new();
    let mut open: Option<(Section<'a>, usize)> = None;
    let mut text_since_end = None;
    let mut offset = 0;
    for (index, raw) in pem.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (number, start) = (index + 1, offset);
        offset += raw.len();
        let line = raw.trim_ascii_end();
        match (boundary(line), &mut open) {
            (Boundary::Begin(label), None) => {
                let section = Section {
                    label,
                    line: number,
                    encrypted: false,
                    text: &[],
                };
                open = Some((section, start));
                text_since_end = None;
            }
            (Boundary::End(label), Some((section, start))) if label == section.label => {
                section.text = &pem[*start..offset];
                sections.extend(open.take().map(|(section, _)| section));
            }
            (Boundary::Begin(_) | Boundary::End(_), Some((Section { label, line, .. }, _))) => {
                let reason = format!("{label} of line {line} has no END before this");
                return Err(at(path, number, reason));
            }
            (Boundary::End(label), None) => {
                let reason = format!("END {label} without its BEGIN");
                return Err(at(path, number, reason));
            }
            (Boundary::Torn, _) => return Err(torn(path, number, line)),
            (Boundary::None, Some((section, _))) => {
                section.encrypted |=
                    line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
                if !section.encrypted && !line.iter().all(|&byte| is_base64(byte)) {
                    return Err(at(
                        path,
                        number,
                        "is not base64, as it is between BEGIN and END",
                    ));
                }
            }
            (Boundary::None, None) if line.is_empty() => {}
            (Boundary::None, None) => {
                text_since_end.get_or_insert(number);
            }
        }
    }
    if let Some((Section { label, line, .. }, _)) = open {
        return Err(at(
            path,
            line,
            format!("{label} has no END: the file is cut off"),
        ));
    }
    match text_since_end.filter(|_| !sections.is_empty()) {
        Some(line) => Err(at(
            path,
            line,
            "text after the last END, which nobody reads: remove it, or give it a BEGIN and an END",
        )),
        None => Ok(sections),
    }
}

impl Section<'_> {
    /// What it holds. Its label must be one that rustls knows.
    pub(super) fn der(&self, path: &Path) -> Result<(SectionKind, Vec<u8>), Error> {
        PemObject::from_pem_slice(self.text).map_err(|_| {
            let label = self.label;
            at(
                path,
                self.line,
                format!("{label} is not base64: it is cut off or damaged"),
            )
        })
    }
}

/// What is wrong with line `number` of the file at `path`.
pub(super) fn at(path: &Path, number: usize, reason: impl Display) -> Error {
    Error::content(path, format_args!("line {number}: {reason}"))
}

fn boundary(line: &[u8]) -> Boundary<'_> {
    let label = |begin| {
        let label = line.strip_prefix(begin)?.strip_suffix(DASHES)?;
        // As RFC 7468 has it, but for hyphens, which no label in use has: it is told to people.
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' if *byte != b'-');
        let label = label.iter().all(is_plain).then_some(label)?;
        str::from_utf8(label).ok()
    };
    if let Some(label) = label(BEGIN) {
        Boundary::Begin(label)
    } else if let Some(label) = label(END) {
        Boundary::End(label)
    } else if contains(line, BEGIN) || contains(line, END) {
        Boundary::Torn
    } else {
        Boundary::None
    }
}

fn torn(path: &Path, number: usize, line: &[u8]) -> Error {
    let file = path.display();
    if contains(line, BEGIN) && contains(line, END) {
        let reason = format!(
            "END and the next BEGIN share the line, which needs a newline between them: \
             sed -i 's/----------/-----\\n-----/' {file}"
        );
        at(path, number, reason)
    } else {
        at(
            path,
            number,
            "BEGIN and END need a line of their own, from its first column, and in it a label \
             such as CERTIFICATE",
        )
    }
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_no_place_for_what_a_terminal_obeys() {
        for label in ["\x1b[31m", "CERTI\rFICATE", "\0", "\u{9b}31m", "SCHLÜSSEL"] {
            for pem in [
                format!("-----BEGIN {label}-----\n"),
                format!("-----END {label}-----\n"),
            ] {
                let Err(error) = sections(Path::new("a.pem"), pem.as_bytes()) else {
                    panic!("{pem:?} is taken");
                };
                assert_eq!(
                    error.to_string(),
                    "a.pem line 1: BEGIN and END need a line of their own, from its first \
                     column, and in it a label such as CERTIFICATE"
                );
            }
        }
    }
}
