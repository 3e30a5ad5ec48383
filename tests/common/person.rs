//! A person in front of the console, on the lab: points at what is broken, opens its runbook, reads what is asked and answers,
//! until the run is over. Whatever does not come is told with the last screen.

use std::time::{Duration, Instant};

use super::home::Home;
use super::lab::Lab;
use super::pty::Console;

/// How long anything may take that the console shows.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Longer than keys that rain, and than what nobody could have read yet.
pub(crate) const CALM: Duration = Duration::from_millis(450);
/// Wide enough for every sentence, and high enough for every cause.
pub(crate) const WINDOW: (u16, u16) = (160, 50);

/// What a person does where a run asks.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Enter, at a step that writes nothing.
    Starts,
    /// This name, typed in full.
    Names(&'static str),
    /// A value, typed unseen.
    Types(&'static str),
    /// Every share that the Vault needs, typed unseen one after the other.
    Shares,
}

/// The person, and the console.
pub(crate) struct Person<'a> {
    lab: &'a Lab,
    pub(crate) console: Console,
}

impl<'a> Person<'a> {
    /// Opens the console with writes open, and waits for a board that tells causes.
    pub(crate) fn sits_down(lab: &'a Lab, home: &Home) -> Self {
        let variables = home.variables(lab, lab.kubeconfig("admin"));
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let console = Console::start(&["--write"], &variables, WINDOW);
        console.wait_until("the board", SOON, |screen| {
            ["CAUSE 1", "1 CAUSE", "NOTHING BROKEN", "ALL WELL"].iter().any(|title| screen.contains(title))
        });
        Self { lab, console }
    }

    /// Types this, and gives the console the time that fingers give it.
    pub(crate) fn presses(&mut self, keys: &str) {
        self.console.type_keys(keys);
        std::thread::sleep(CALM);
    }

    /// Waits until the console shows this; says the screen.
    pub(crate) fn reads(&self, text: &str) -> String {
        self.console.wait_for(text, SOON);
        self.console.screen()
    }

    /// Goes to the cause that has these words in its line, once it is there.
    pub(crate) fn points_at(&mut self, words: &str) {
        let begun = Instant::now();
        let is_selected = |screen: &str| screen.lines().any(|line| line.starts_with('▸') && line.contains(words));
        self.presses("g");
        while !is_selected(&self.console.screen()) {
            assert!(begun.elapsed() < SOON, "no cause says “{words}”. The screen shows:\n{}", self.console.screen());
            let at_last = self.console.screen();
            self.console.type_keys("j");
            std::thread::sleep(CALM / 3);
            if self.console.screen() == at_last {
                self.presses("g");
            }
        }
        std::thread::sleep(CALM);
    }

    /// Goes to the row of an ExternalSecret.
    pub(crate) fn picks(&mut self, namespace: &str, name: &str) {
        self.presses(&format!("/ns={namespace} {name}"));
        self.presses("\r");
        let is_selected = |screen: &str| {
            screen.lines().any(|line| line.contains('▸') && line.split(' ').any(|word| stands_for(word, namespace, name)))
        };
        for _ in 0..8 {
            let screen = self.console.screen();
            if is_selected(&screen) && screen.contains("▸EXTERNALSECRETS") {
                return;
            }
            self.presses(if screen.contains("▸EXTERNALSECRETS") { "j" } else { "\t" });
        }
        panic!("{namespace}/{name} is not to be picked. The screen shows:\n{}", self.console.screen());
    }

    /// Opens a runbook by its name.
    pub(crate) fn opens(&mut self, runbook: &str) {
        self.presses(":");
        self.presses(&format!("runbook {runbook}:"));
        self.presses("\r");
    }

    /// Answers what is asked next.
    pub(crate) fn answers(&mut self, answer: Answer) {
        match answer {
            Answer::Starts => {
                self.reads("Enter starts this step");
                self.presses("\r");
            }
            Answer::Names(name) => {
                self.reads(&format!("Type “{name}” in full to agree"));
                std::thread::sleep(CALM);
                self.presses(name);
                self.presses("\r");
            }
            Answer::Types(value) => {
                self.reads("unseen, in one line");
                std::thread::sleep(CALM);
                self.console.type_keys(value);
                self.reads("•••");
                std::thread::sleep(CALM);
                self.presses("\r");
            }
            Answer::Shares => {
                let shares = self.lab.shares();
                for (number, share) in shares.iter().take(self.lab.threshold()).enumerate() {
                    self.reads("Type a share");
                    if number > 0 {
                        self.reads(&format!("{number} of {} shares given", self.lab.threshold()));
                    }
                    self.console.type_keys(share);
                    self.reads("•••");
                    std::thread::sleep(CALM);
                    self.presses("\r");
                }
            }
        }
    }

    /// Agrees to whatever asks for `y`, until the run is over; says the last screen of it.
    pub(crate) fn agrees_until_it_is_over(&mut self) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.console.screen();
            if screen.contains("  over: ") && screen.contains("SUMMARY") {
                return screen;
            }
            assert!(begun.elapsed() < 2 * SOON, "not over. The screen shows:\n{screen}");
            if screen.contains("y agrees") {
                self.console.type_keys("y");
            }
            std::thread::sleep(CALM);
        }
    }

    /// Comes back to the board, with nothing filtered and the causes in front.
    pub(crate) fn comes_back(&mut self) {
        for _ in 0..6 {
            let screen = self.console.screen();
            if screen.lines().any(|line| {
                ["─▸CAUSE", "─▸1 CAUSE", "─▸NOTHING BROKEN", "─▸ALL WELL"].iter().any(|title| line.starts_with(title))
            }) {
                return;
            }
            self.presses("\u{1b}");
        }
        panic!("no way back. The screen shows:\n{}", self.console.screen());
    }

    /// Leaves; says every byte that was ever drawn.
    pub(crate) fn leaves(mut self) -> String {
        self.console.type_keys("q");
        assert_eq!(self.console.exit_code(SOON), 0);
        String::from_utf8_lossy(&self.console.bytes.lock().expect("the bytes")).into_owned()
    }

    /// The end of the console without a word (SIGKILL); says every byte that it drew.
    pub(crate) fn dies(mut self) -> String {
        self.console.signal(rustix::process::Signal::KILL);
        self.console.exit_code(SOON);
        String::from_utf8_lossy(&self.console.bytes.lock().expect("the bytes")).into_owned()
    }
}

/// Whether a word of the screen is this name, be it shortened in its middle or with its namespace in front.
fn stands_for(word: &str, namespace: &str, name: &str) -> bool {
    let word = word.trim_start_matches(['│', '▸', '✖', '✔', '▲']);
    let abbreviates = |whole: &str| match word.split_once('…') {
        Some((start, end)) => !start.is_empty() && !end.is_empty() && whole.starts_with(start) && whole.ends_with(end),
        None => word == whole,
    };
    abbreviates(name) || abbreviates(&format!("{namespace}/{name}"))
}
