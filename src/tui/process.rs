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
