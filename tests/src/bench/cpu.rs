//! The CPU time that a process has used, as the kernel accounts for it (Linux).

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// What all threads of the process have used since they began.
///
/// The kernel counts in nanoseconds (`/proc/PID/task/TID/schedstat`: time on the CPU, time waiting for it, time slices).
///
/// # Errors
///
/// When there is no such process, or the kernel does not tell (`CONFIG_SCHED_INFO`, which distributions set).
pub fn used(process: u32) -> anyhow::Result<Duration> {
    let folder = format!("/proc/{process}/task");
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(&folder).with_context(|| folder.clone())? {
        let file = thread?.path().join("schedstat");
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let used = on_cpu(&text).with_context(|| format!("{}: {text:?}", file.display()))?;
        sum = sum.saturating_add(used);
    }
    anyhow::ensure!(
        !sum.is_zero(),
        "the kernel does not tell what the threads in {folder} have used"
    );
    Ok(sum)
}

/// The first number of a `schedstat`.
fn on_cpu(text: &str) -> Option<Duration> {
    let nanoseconds = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_the_cpu() {
        assert_eq!(
            on_cpu("814836 4023113 2\n"),
            Some(Duration::from_nanos(814_836))
        );
        assert_eq!(on_cpu("\n"), None);
    }

    /// Of a process of its own: the threads of this one come and go with the other tests.
    #[test]
    fn work_is_accounted_for() {
        let mut shell = std::process::Command::new("sh");
        let mut child = shell.args(["-c", "while :; do :; done"]).spawn().unwrap();
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let now = used(child.id()).ok();
            if now.is_some() && now > seen.last().copied() {
                seen.extend(now);
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen.is_sorted());
    }
}
