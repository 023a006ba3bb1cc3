//! What was held for peers goes back to the system when they are gone, or want less.
//!
//! glibc keeps what is freed for later, and where small things that live on lie between
//! large ones that don't, it keeps nearly all. After a peak that is far more than is
//! needed, and whoever looks at the container takes it for a leak.

use std::{sync::Weak, time::Duration};

use tokio::{task::spawn_blocking, time::sleep};
use tracing::debug;

use super::memory::Memory;

/// How often to look whether a peak is over.
const PERIOD: Duration = Duration::from_secs(2);

/// A peak is over when so small a part of it is held, and so many bytes less.
const PART: usize = 4;
const WORTH: usize = 8 * 1024 * 1024;

/// Gives back what was held in `memory`, after each peak, as long as that exists.
pub(super) async fn give_back(memory: Weak<Memory>) {
    loop {
        sleep(PERIOD).await;
        let Some(memory) = memory.upgrade() else {
            return;
        };
        if is_over(memory.peak(), memory.held()) {
            memory.forget_peak();
            // It takes milliseconds, up to some hundred of them.
            let trimmed = spawn_blocking(trim).await.unwrap_or_default();
            debug!(trimmed, "A peak of memory is over");
        }
    }
}

fn is_over(peak: usize, held: usize) -> bool {
    held <= peak / PART && peak - held >= WORTH
}

/// Has the allocator give free pages to the system; returns whether there were any.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no crate has a safe call of it")]
fn trim() -> bool {
    // SAFETY: it may be called at any time, by any thread (malloc_trim(3)).
    unsafe { libc::malloc_trim(0) == 1 }
}

/// Other allocators do so by themselves, or have no such call.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_over_when_little_of_much_is_left() {
        const MIB: usize = 1024 * 1024;
        assert!(is_over(100 * MIB, 25 * MIB));
        assert!(!is_over(100 * MIB, 26 * MIB), "a quarter and more");
        assert!(!is_over(8 * MIB, MIB), "it isn't worth it");
        assert!(!is_over(MIB, 2 * MIB), "it has just begun");
    }
}
