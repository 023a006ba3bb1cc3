//! The word that a misspelt one was meant to be. clap has that, too, but takes a crate for it.

/// The one of `words` that is most like `misspelt`, if any is: of four letters one
/// may be wrong, missing or too many, or two be exchanged.
pub(super) fn to<'a>(misspelt: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = words.map(|word| (distance(misspelt, word), word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= word.len().div_ceil(4)).then_some(word)
}

/// How many letters have to change to make `a` of `b`; two exchanged ones are one
/// change (the optimal string alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // How far each beginning of `a` is from each beginning of `b`.
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = changed.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "port", 4),
            ("port", "port", 0),
            ("prot", "port", 1),
            ("por", "port", 1),
            ("ports", "port", 1),
            ("pert", "port", 1),
            ("ip", "port", 4),
        ] {
            assert_eq!(
                (distance(a, b), distance(b, a)),
                (expected, expected),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn only_what_is_similar_is_meant() {
        let words = || ["port", "admin-port", "ip", "max-requests"].into_iter();
        assert_eq!(to("prot", words()), Some("port"));
        assert_eq!(to("adminport", words()), Some("admin-port"));
        assert_eq!(to("max-request", words()), Some("max-requests"));
        for other in ["verbose", "x", "", "queue"] {
            assert_eq!(to(other, words()), None, "{other:?}");
        }
        assert_eq!(to("port", [].into_iter()), None);
    }
}
