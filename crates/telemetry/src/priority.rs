//! The priority of the thread that exports: whatever a run needs goes first.

/// Gives the calling thread the lowest priority for the CPU, where the system has priorities of single threads (Linux).
/// Elsewhere, or where it is refused, it stays as it is.
pub(crate) fn lowest() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::debug!("the telemetry thread keeps its priority: {error}");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn only_the_thread_that_asks_gives_way() {
        let ours = || rustix::process::getpriority_process(None).unwrap();
        let before = ours();
        let theirs = std::thread::spawn(move || {
            super::lowest();
            ours()
        });
        assert_eq!(theirs.join().unwrap(), 19);
        assert_eq!(ours(), before);
    }
}
