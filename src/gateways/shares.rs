//! Unseal shares from a file, from a pipe, or typed unseen at a terminal without a screen. They go from
//! the byte that is read straight into [`Typed`]; no other copy is made.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::{Zeroize as _, Zeroizing};

use crate::model::{Fault, FaultKind};
use crate::ports::Typed;

/// No Vault has more than 255 shares.
const MOST: usize = 255;
/// What Ctrl-C sends where it sends no signal.
const CONTROL_C: u8 = 3;

/// Reads one share a line from a file that only its owner may read.
///
/// # Errors
/// It cannot be read, others may read it, or it holds no share.
pub fn from_file(path: &Path) -> Result<Vec<Typed>, Fault> {
    let shown = path.display();
    let unreadable = |error: io::Error| Fault::new(FaultKind::Local, &format!("The share file {shown} cannot be read: {error}."));
    let shares = lines(open(path, "share")?).map_err(unreadable)?;
    if shares.is_empty() {
        return Err(Fault::new(FaultKind::Local, &format!("The share file {shown} holds no share.")));
    }
    Ok(shares)
}

/// Reads a value, whole, from a file that only its owner may read; the end of its last line does not count.
///
/// # Errors
/// It cannot be read, others may read it, or it holds nothing.
pub fn whole_file(path: &Path) -> Result<Typed, Fault> {
    whole(open(path, "value")?, &format!("The value file {}", path.display()))
}

/// Reads a value, whole, from standard input, which is not a terminal.
///
/// # Errors
/// It cannot be read, or it holds nothing.
pub fn whole_stdin() -> Result<Typed, Fault> {
    whole(Raw, "Standard input")
}

fn whole(mut from: impl Read, said: &str) -> Result<Typed, Fault> {
    let mut bytes = Zeroizing::new(vec![0; Typed::LONGEST_VALUE + 1]);
    let mut length = 0;
    loop {
        match from.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::new(FaultKind::Local, &format!("{said} cannot be read: {error}."))),
        }
        if length > Typed::LONGEST_VALUE {
            let message = format!("{said} holds more than {} bytes: no Secret can.", Typed::LONGEST_VALUE);
            return Err(Fault::new(FaultKind::Local, &message));
        }
    }
    let typed = std::str::from_utf8(&bytes[..length])
        .ok()
        .map(|text| Typed::of_value(text.trim_end_matches(['\n', '\r'])))
        .filter(|typed| !typed.is_empty());
    typed.ok_or_else(|| Fault::new(FaultKind::Local, &format!("{said} holds no text.")))
}

/// Opens a file that only its owner may read.
fn open(path: &Path, what: &str) -> Result<File, Fault> {
    let shown = path.display();
    let unreadable =
        |error: io::Error| Fault::new(FaultKind::Local, &format!("The {what} file {shown} cannot be read: {error}."));
    let file = File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if meta.is_file() && meta.mode() & 0o077 != 0 {
        return Err(Fault::new(FaultKind::Local, &format!("The {what} file {shown} can be read by others."))
            .hinted("Make it yours alone: chmod 600."));
    }
    Ok(file)
}

/// Reads one share a line from standard input, which is not a terminal.
///
/// # Errors
/// It cannot be read.
pub fn from_stdin() -> Result<Vec<Typed>, Fault> {
    lines(Raw).map_err(|error| Fault::new(FaultKind::Local, &format!("Standard input cannot be read: {error}.")))
}

/// Standard input without the standard library's buffer, which would keep a copy of what was read.
struct Raw;

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

/// Asks for one share at the terminal, unseen; `None` if there is no terminal, or nothing was typed.
///
/// # Errors
/// The terminal cannot be read, its echo cannot be switched off, or the person gave up (Ctrl-C).
pub fn prompt(question: &str) -> Result<Option<Typed>, Fault> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let failed = |error: io::Error| Fault::new(FaultKind::Local, &format!("The terminal cannot be asked unseen: {error}."));
    let mut out = io::stderr().lock();
    write!(out, "{question}").and_then(|()| out.flush()).map_err(failed)?;
    let read = {
        let _unseen = Unseen::begin().map_err(failed)?;
        line(&mut Raw)
    };
    writeln!(out).map_err(failed)?;
    let typed = read.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Fault::new(FaultKind::Local, "You gave up. Nothing more was sent."),
        _ => failed(error),
    })?;
    Ok(typed.filter(|typed| !typed.is_empty()))
}

/// The terminal without echo and without Ctrl-C: that must not leave it without echo. Dropping it restores all.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &unseen)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &self.0);
    }
}

fn lines(mut input: impl Read) -> io::Result<Vec<Typed>> {
    let mut shares = Vec::new();
    while shares.len() < MOST {
        let Some(share) = line(&mut input)? else { break };
        if !share.reveal().is_empty() {
            shares.push(share);
        }
    }
    Ok(shares)
}

/// One line, byte by byte: a buffered reader would keep a copy. `None` at the end.
fn line(input: &mut impl Read) -> io::Result<Option<Typed>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(Typed::LONGEST * 4));
    let mut any = false;
    let mut byte = [0];
    while input.read(&mut byte)? == 1 {
        any = true;
        match byte[0] {
            b'\n' => break,
            CONTROL_C => return Err(io::ErrorKind::Interrupted.into()),
            _ => {}
        }
        if bytes.len() == bytes.capacity() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
        }
        bytes.push(byte[0]);
    }
    byte.zeroize();
    let text = std::str::from_utf8(&bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
    let mut typed = Typed::new();
    text.chars().for_each(|c| typed.push(c));
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
