//! Unseal shares from a file, from a pipe, or typed unseen at a terminal without a screen. They go from
//! the byte that is read straight into [`Typed`]; no other copy is made.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::model::{Fault, FaultKind};
use crate::ports::Typed;

/// No Vault has more than 255 shares.
const MOST: usize = 255;

/// Reads one share a line from a file that only its owner may read.
///
/// # Errors
/// It cannot be read, others may read it, or it holds no share.
pub fn from_file(path: &Path) -> Result<Vec<Typed>, Fault> {
    let shown = path.display();
    let unreadable = |error: io::Error| Fault::new(FaultKind::Local, &format!("The share file {shown} cannot be read: {error}."));
    let file = File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if meta.is_file() && meta.mode() & 0o077 != 0 {
        return Err(Fault::new(FaultKind::Local, &format!("The share file {shown} can be read by others."))
            .hinted("Make it yours alone: chmod 600."));
    }
    let shares = lines(file).map_err(unreadable)?;
    if shares.is_empty() {
        return Err(Fault::new(FaultKind::Local, &format!("The share file {shown} holds no share.")));
    }
    Ok(shares)
}

/// Reads one share a line from standard input, which is not a terminal.
///
/// # Errors
/// It cannot be read.
pub fn from_stdin() -> Result<Vec<Typed>, Fault> {
    lines(io::stdin().lock()).map_err(|error| Fault::new(FaultKind::Local, &format!("Standard input cannot be read: {error}.")))
}

/// Asks for one share at the terminal, unseen; `None` if there is no terminal.
///
/// # Errors
/// The terminal cannot be read, or its echo cannot be switched off.
pub fn prompt(question: &str) -> Result<Option<Typed>, Fault> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    let failed = |error: io::Error| Fault::new(FaultKind::Local, &format!("The terminal cannot be asked unseen: {error}."));
    let before = tcgetattr(&stdin).map_err(|error| failed(error.into()))?;
    let mut unseen = before.clone();
    unseen.local_modes.remove(LocalModes::ECHO);
    let mut out = io::stderr().lock();
    write!(out, "{question}").and_then(|()| out.flush()).map_err(failed)?;
    tcsetattr(&stdin, OptionalActions::Flush, &unseen).map_err(|error| failed(error.into()))?;
    let read = line(&mut stdin.lock());
    let restored = tcsetattr(&stdin, OptionalActions::Flush, &before);
    writeln!(out).map_err(failed)?;
    restored.map_err(|error| failed(error.into()))?;
    Ok(read.map_err(failed)?.filter(|typed| !typed.is_empty()))
}

fn lines(mut input: impl Read) -> io::Result<Vec<Typed>> {
    let mut shares = Vec::new();
    while let Some(share) = line(&mut input)? {
        if !share.reveal().is_empty() && shares.len() < MOST {
            shares.push(share);
        }
    }
    Ok(shares)
}

/// One line, byte by byte: a buffered reader would keep a copy. `None` at the end.
fn line(input: &mut impl Read) -> io::Result<Option<Typed>> {
    let mut typed = Typed::new();
    let mut any = false;
    let mut byte = [0];
    while input.read(&mut byte)? == 1 {
        any = true;
        if byte[0] == b'\n' {
            break;
        }
        typed.push(char::from(byte[0]));
    }
    zeroize::Zeroize::zeroize(&mut byte);
    Ok(any.then_some(typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stand_one_a_line() {
        let shares = lines(&b"one\n\n  two  \r\nthree"[..]).expect("readable");
        assert_eq!(shares.iter().map(Typed::reveal).collect::<Vec<_>>(), ["one", "two", "three"]);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("sealwatch-shares-{}", std::process::id()));
        std::fs::write(&path, "x\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        let refused = from_file(&path).map(|shares| shares.len());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        let taken = from_file(&path).map(|shares| shares.len());
        std::fs::remove_file(&path).expect("removed");
        assert!(refused.expect_err("others may read it").to_string().contains("chmod 600"));
        assert_eq!(taken.expect("it is ours"), 1);
    }
}
