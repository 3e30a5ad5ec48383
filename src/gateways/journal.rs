//! The journal of what was done: JSON lines that only their owner can read, each on disk before the write
//! that it announces leaves, each chained to the line before it, so that a cut is visible.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::{Fault, FaultKind};
use crate::ports::{Journal, JournalEntry, LOST, Remembered, RunLine};

/// `$XDG_STATE_HOME/sealwatch/<cluster uid>/journal.jsonl`. It is opened and locked at the first line, so
/// that a console that only reads needs no place to write.
pub struct FileJournal {
    /// The folder of this cluster; `None` if this account has no home.
    folder: Option<PathBuf>,
    open: Mutex<Option<Open>>,
}

/// The file while it is held, and the digest of its last line.
struct Open {
    file: File,
    last: String,
}

/// What the first line is chained to.
const NOTHING: &str = "";

/// How much of the end of the file is read to find its last line; a line is far shorter.
const TAIL: u64 = 256 * 1024;
/// How much of the end of the file is read back: some thousand lines.
const HISTORY: u64 = 4 * 1024 * 1024;
/// How often it is tried to lock the file, and how long between two tries.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a JournalEntry,
    /// SHA-256 of the line before, without its newline; empty for the first.
    prev: &'a str,
}

impl FileJournal {
    /// The journal of a cluster, under the user's state folder.
    #[must_use]
    pub fn new(cluster_uid: &str) -> Self {
        let state = etcetera::base_strategy::Xdg::new().ok().and_then(|xdg| xdg.state_dir());
        Self { folder: state.map(|state| folder(&state, cluster_uid)), open: Mutex::new(None) }
    }

    /// The journal of a cluster, under this state folder.
    #[must_use]
    pub fn under(state: &Path, cluster_uid: &str) -> Self {
        Self { folder: Some(folder(state, cluster_uid)), open: Mutex::new(None) }
    }

    /// Where the file is, for messages.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("journal.jsonl"))
    }

    fn opened(&self, at: Timestamp) -> Result<Open, Fault> {
        let folder = self.folder.as_deref().ok_or_else(|| refused("this account has no home folder"))?;
        private_folder(folder).map_err(|error| refused(&format!("{}: {error}", folder.display())))?;
        let path = folder.join("journal.jsonl");
        let at_path = |error: &dyn std::fmt::Display| refused(&format!("{}: {error}", path.display()));
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(&path)
            .map_err(|error| at_path(&error))?;
        lock(&file).map_err(|error| match error {
            TryLockError::WouldBlock => at_path(&"another sealwatch is writing to it"),
            TryLockError::Error(error) => at_path(&error),
        })?;
        let metadata = file.metadata().map_err(|error| at_path(&error))?;
        if !metadata.is_file() {
            return Err(at_path(&"it is not a plain file"));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(PermissionsExt::from_mode(0o600)).map_err(|error| at_path(&error))?;
        }
        let last = last_line(&mut file, metadata.len()).map_err(|error| at_path(&error))?;
        let mut open = Open { file, last };
        for line in Remembered::unanswered(&read(&mut open.file)) {
            open.append(&given_up(line, at))?;
        }
        Ok(open)
    }
}

impl Open {
    fn append(&mut self, entry: &JournalEntry) -> Result<(), Fault> {
        let mut line =
            serde_json::to_vec(&Line { entry, prev: &self.last }).map_err(|_| refused("the line cannot be written as JSON"))?;
        let digest = digest(&line);
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(|error| refused(&error.to_string()))?;
        self.last = digest;
        Ok(())
    }
}

/// The result of a write whose process ended before an answer came, said by the next process that writes here.
fn given_up(line: Remembered, at: Timestamp) -> JournalEntry {
    let answer = Some(Err(Fault::new(FaultKind::Unknown, LOST)));
    JournalEntry {
        at,
        what: "result",
        user: line.user,
        context: line.context,
        step: line.step.to_string(),
        object: line.object.to_string(),
        command: line.command.to_string(),
        note: format!("unknown: {LOST} The object itself tells."),
        run: line.run.map(|run| RunLine { answer, ..run }),
    }
}

/// Locks the file for this process. A process that only reads holds it for a moment.
fn lock(file: &File) -> Result<(), TryLockError> {
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
        tries += 1;
    }
}

/// The newest lines of a file. One that is cut off or not ours is left out; of one whose run is not understood, the rest
/// is kept.
fn read(file: &mut File) -> Vec<Remembered> {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let from = length.saturating_sub(HISTORY);
    let mut text = Vec::new();
    if file.seek(SeekFrom::Start(from)).and_then(|_| file.take(HISTORY).read_to_end(&mut text)).is_err() {
        return Vec::new();
    }
    let lines = text.split(|byte| *byte == b'\n').skip(usize::from(from > 0));
    lines.filter_map(remembered).collect()
}

fn remembered(line: &[u8]) -> Option<Remembered> {
    serde_json::from_slice(line).ok().or_else(|| {
        let mut line: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
        line.remove("run");
        serde_json::from_value(line.into()).ok()
    })
}

impl Journal for FileJournal {
    fn append(&self, entry: &JournalEntry) -> Result<(), Fault> {
        let mut kept = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match kept.take() {
            Some(open) => open,
            None => self.opened(entry.at)?,
        };
        open.append(entry)?;
        // After a failure nothing is kept: the next line opens the file anew and sees what really stands in it.
        *kept = Some(open);
        Ok(())
    }

    fn history(&self) -> Vec<Remembered> {
        let kept = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let opened = self.path().and_then(|path| OpenOptions::new().read(true).custom_flags(no_follow).open(path).ok());
        let Some(mut file) = opened else { return Vec::new() };
        // What another process is at now is not over.
        if kept.is_none() && file.try_lock_shared().is_err() {
            return Vec::new();
        }
        read(&mut file)
    }
}

/// The uid comes from outside and names a folder: only harmless characters stay.
fn folder(state: &Path, cluster_uid: &str) -> PathBuf {
    let uid: String = cluster_uid.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    state.join("sealwatch").join(if uid.is_empty() { "unknown" } else { &uid })
}

fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = std::fs::symlink_metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to somebody else"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

/// The digest of the last line; a line that a crash cut off is ended first and counts as it stands.
fn last_line(file: &mut File, length: u64) -> io::Result<String> {
    if length == 0 {
        return Ok(NOTHING.to_owned());
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    if tail.last() == Some(&b'\n') {
        tail.pop();
    } else {
        file.write_all(b"\n")?;
    }
    Ok(digest(tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()))
}

fn digest(line: &[u8]) -> String {
    Sha256::digest(line).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn refused(why: &str) -> Fault {
    Fault::new(FaultKind::Local, &format!("The journal cannot be written ({why}); so nothing will be changed."))
        .hinted("Make room or rights for it, or set XDG_STATE_HOME to a folder of yours.")
}

/// A journal that is forgotten: for the simulation, demos and tests.
#[derive(Default)]
pub struct MemoryJournal(Mutex<Vec<JournalEntry>>);

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written so far.
    #[must_use]
    pub fn entries(&self) -> Vec<JournalEntry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Journal for MemoryJournal {
    fn append(&self, entry: &JournalEntry) -> Result<(), Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry.clone());
        Ok(())
    }

    fn history(&self) -> Vec<Remembered> {
        let line = |entry: &JournalEntry| remembered(&serde_json::to_vec(entry).ok()?);
        self.entries().iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::testing::Folder;
    use crate::model::Text;

    fn entry(note: &str) -> JournalEntry {
        JournalEntry {
            at: jiff::Timestamp::UNIX_EPOCH,
            what: "open",
            user: Text::foreign("oncall"),
            context: Text::foreign("lab"),
            step: String::new(),
            object: String::new(),
            command: String::new(),
            note: note.to_owned(),
            run: None,
        }
    }

    #[test]
    fn a_write_without_an_answer_is_told_until_the_next_process_writes_and_is_then_unknown() {
        let home = Folder::new();
        let line = |what, object: &str| JournalEntry { what, object: object.to_owned(), ..entry("") };
        let first = FileJournal::under(home.path(), "uid");
        for (what, object) in [("intent", "a"), ("result", "a"), ("intent", "b")] {
            first.append(&line(what, object)).unwrap();
        }
        let next = FileJournal::under(home.path(), "uid");
        assert!(next.history().is_empty(), "the first is still at it");
        drop(first);
        let open = Remembered::unanswered(&next.history());
        assert_eq!(open.iter().map(|line| line.object.as_str()).collect::<Vec<_>>(), ["b"]);
        next.append(&entry("one")).unwrap();
        let history = next.history();
        assert!(Remembered::unanswered(&history).is_empty());
        let result = &history[3];
        assert!(
            result.what == "result" && result.object.as_str() == "b" && result.note.as_str().starts_with("unknown: "),
            "{result:?}"
        );
        assert!(chain(&home.path().join("sealwatch/uid/journal.jsonl")));
    }

    fn chain(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap();
        let mut before = String::new();
        for line in text.lines() {
            if !line.ends_with(&format!(r#""prev":"{before}"}}"#)) {
                return false;
            }
            before = digest(line.as_bytes());
        }
        true
    }

    #[test]
    fn lines_are_private_and_chained_across_openings() {
        let home = Folder::new();
        for note in ["one", "two"] {
            let journal = FileJournal::under(home.path(), "0b6f-uid");
            journal.append(&entry(note)).unwrap();
            journal.append(&entry("again")).unwrap();
        }
        let path = home.path().join("sealwatch/0b6f-uid/journal.jsonl");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);
        assert!(chain(&path));
        let cut = std::fs::read_to_string(&path).unwrap().replacen("again", "never", 1);
        std::fs::write(&path, cut).unwrap();
        assert!(!chain(&path));
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_ended_and_the_next_one_stands_alone() {
        let home = Folder::new();
        FileJournal::under(home.path(), "uid").append(&entry("one")).unwrap();
        let path = home.path().join("sealwatch/uid/journal.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"half").unwrap();
        FileJournal::under(home.path(), "uid").append(&entry("two")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[1]), (3, "{\"half"));
        assert!(lines[2].ends_with(&format!(r#""prev":"{}"}}"#, digest(b"{\"half"))));
    }

    #[test]
    fn a_second_writer_a_symlink_and_a_wide_folder_are_dealt_with() {
        let home = Folder::new();
        let first = FileJournal::under(home.path(), "uid");
        first.append(&entry("one")).unwrap();
        let fault = FileJournal::under(home.path(), "uid").append(&entry("two")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Local);
        assert!(fault.message.as_str().contains("another sealwatch"), "{fault}");

        let trap = home.path().join("sealwatch/trap");
        std::fs::create_dir_all(&trap).unwrap();
        std::os::unix::fs::symlink(home.path().join("elsewhere"), trap.join("journal.jsonl")).unwrap();
        assert!(FileJournal::under(home.path(), "trap").append(&entry("x")).is_err());
        assert!(!home.path().join("elsewhere").exists());
        assert_eq!(std::fs::metadata(&trap).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_foreign_uid_cannot_leave_the_folder() {
        assert_eq!(folder(Path::new("/s"), "../../etc"), Path::new("/s/sealwatch/etc"));
        assert_eq!(folder(Path::new("/s"), ""), Path::new("/s/sealwatch/unknown"));
    }
}
