//! How much memory the process may take, by its control group (cgroups(7)).

use std::{fs, path::Path};

/// The least of the limits of all groups that the process is in, in bytes; none where
/// there are none, or no Linux.
pub(super) fn memory() -> Option<u64> {
    limit(
        Path::new("/sys/fs/cgroup"),
        &fs::read_to_string("/proc/self/cgroup").ok()?,
    )
}

/// The same, of groups that are mounted at `root`, for a process in `groups`.
fn limit(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        // "0::/path" in version 2, "4:memory:/path" in version 1.
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|it| it == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let path = Path::new(path.trim_start_matches('/'));
        // In a container the path may be that on the host, where only the root is there.
        let limits = path.ancestors().filter_map(|group| {
            let limit = fs::read_to_string(root.join(group).join(file)).ok()?;
            // "max" where there is none.
            limit.trim().parse().ok()
        });
        limits.min()
    });
    // Version 1 has a number near 2^63 where there is none.
    limits.min().filter(|limit| *limit < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_counts_in_either_version() {
        let root = tempfile::tempdir().unwrap();
        let write = |group: &str, file: &str, limit: &str| {
            let group = root.path().join(group);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join(file), limit).unwrap();
        };
        write("pods/one", "memory.max", "max\n");
        write("pods", "memory.max", "268435456\n");
        write("memory/old", "memory.limit_in_bytes", "1048576\n");
        write("memory", "memory.limit_in_bytes", "9223372036854771712\n");
        let cases = [
            ("0::/pods/one\n", Some(268_435_456)),
            ("0::/elsewhere\n", None),
            ("5:cpu:/old\n4:hugetlb,memory:/old\n", Some(1_048_576)),
            ("4:memory:/elsewhere\n", None),
            ("nonsense", None),
        ];
        for (groups, limit) in cases {
            assert_eq!(super::limit(root.path(), groups), limit, "{groups}");
        }
    }
}
