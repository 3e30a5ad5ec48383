//! The real binary in a pseudo-terminal: type keys, wait for what the screen shows. A wait has a deadline
//! and prints the last screen when it fails; nothing sleeps and hopes.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A running console.
#[allow(dead_code, reason = "each test crate uses a part of it")]
pub(crate) struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Box<dyn std::io::Write + Send>,
    reading: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Every byte the program ever wrote, for the search for leaks.
    pub(crate) bytes: Arc<Mutex<Vec<u8>>>,
}

#[allow(dead_code, reason = "each test crate uses a part of it")]
impl Console {
    /// Starts `sealwatch` with these arguments and variables in a window of this size. Nothing of the
    /// caller's environment is passed on but `PATH`.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)], window: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sealwatch"));
        command.args(arguments);
        Self::run(command, variables, window)
    }

    /// Starts a shell script instead, in which `$0` is the binary: for what needs a shell with jobs.
    pub(crate) fn script(script: &str, window: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_sealwatch")]);
        Self::run(command, &[], window)
    }

    fn run(mut command: CommandBuilder, variables: &[(&str, &str)], (columns, rows): (u16, u16)) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 })
            .expect("a pseudo-terminal");
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0)));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (shown, kept) = (screen.clone(), bytes.clone());
        let reading = Arc::new(AtomicBool::new(true));
        let go_on = reading.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while go_on.load(Ordering::SeqCst) {
                let Ok(read @ 1..) = reader.read(&mut buffer) else { break };
                shown.lock().expect("the screen").process(&buffer[..read]);
                kept.lock().expect("the bytes").extend_from_slice(&buffer[..read]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { child, master: Some(pair.master), keys, reading, reader: Some(reader), screen, bytes }
    }

    /// Types this, as the terminal would send it.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the program reads keys");
        self.keys.flush().expect("the program reads keys");
    }

    /// What the screen shows now.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().expect("the screen").screen().contents()
    }

    /// Waits until the screen satisfies this.
    ///
    /// # Panics
    /// It does not within the time; the message holds the last screen.
    pub(crate) fn wait_until(&self, what: &str, within: Duration, satisfied: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if satisfied(&screen) {
                return;
            }
            assert!(begun.elapsed() < within, "not within {within:?}: {what}. The screen shows:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen holds this text.
    pub(crate) fn wait_for(&self, text: &str, within: Duration) {
        self.wait_until(text, within, |screen| screen.contains(text));
    }

    /// Agrees with `y` to the step that asks this, and again where the console says that it was too soon or too
    /// fast, as a person would.
    pub(crate) fn agree(&mut self, question: &str, within: Duration) {
        let asks = |screen: &str| screen.contains(question) && screen.contains("y agrees");
        let begun = Instant::now();
        self.wait_until(question, within, asks);
        self.type_keys("y");
        while asks(&self.screen()) {
            assert!(
                begun.elapsed() < within,
                "not within {within:?}: agreed to {question}. The screen shows:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(700));
            if asks(&self.screen()) && self.screen().contains("Press y") {
                self.type_keys("y");
            }
        }
    }

    /// Changes the size of the window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.screen.lock().expect("the screen").screen_mut().set_size(at_least_one(rows), at_least_one(columns));
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().expect("open").resize(size).expect("resized");
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().expect("it runs")).expect("a process id");
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).expect("a process id"), signal).expect("sent");
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Closes the terminal, as when the window is closed or ssh is cut.
    pub(crate) fn hang_up(&mut self) {
        // The reader holds the terminal open too. A new size makes the program draw once more, and the
        // reader wakes up, sees the flag and lets go.
        self.reading.store(false, Ordering::SeqCst);
        self.resize(100, 30);
        self.reader.take().expect("not hung up yet").join().expect("the reader ends");
        self.keys = Box::new(std::io::sink());
        self.master = None;
    }

    /// Waits for the program to end and says its exit code.
    ///
    /// # Panics
    /// It does not end within the time; the message holds the last screen.
    pub(crate) fn exit_code(&mut self, within: Duration) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.exit_code();
            }
            assert!(begun.elapsed() < within, "it did not end within {within:?}. The screen shows:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn at_least_one(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap_or(NonZero::<u16>::MIN)
}
