//! What the process itself is told before anything else: it leaves no core dump, and nobody may look into it.

use std::io;

/// No core dumps, and no debugger of another process: unseal shares pass through this memory. To be called first
/// thing in main, before there are threads. Where the platform knows only one of the two, that one is done.
///
/// # Errors
/// The kernel refuses.
pub fn harden() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// As many open files and connections as the system lets us have: where a person may read many namespaces and not
/// all of them, each may need connections of its own. Shells begin with 256 or 1024 for the sake of old programs.
///
/// # Errors
/// The kernel refuses.
pub fn open_many() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// What macOS takes at most, whatever its hard limit says (`OPEN_MAX`), and more than we ever need.
    const ENOUGH: u64 = 10_240;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_may_have_many_connections() {
        use rustix::process::{Resource, getrlimit};
        super::open_many().unwrap();
        let limit = getrlimit(Resource::Nofile);
        let least = limit.maximum.map_or(10_240, |maximum| maximum.min(10_240));
        assert!(limit.current.is_none_or(|current| current >= least), "{limit:?}");
    }
}
