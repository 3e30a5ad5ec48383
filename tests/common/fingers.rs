//! A person at the keys: macros such as `"jj<enter>r"` on the model, with time that passes only when told.

use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use sealwatch::engine::Snapshot;
use sealwatch::keymap::Chord;
use sealwatch::theme::{Depth, Theme};
use sealwatch::tui::app::{Effect, Message, Model, Moment, update};
use sealwatch::tui::screens::{Look, draw};

/// A model, and the time.
pub(crate) struct Person {
    pub model: Model,
    pub clock: Duration,
}

impl Person {
    /// In front of this picture, in a window of this size.
    pub(crate) fn before(snapshot: Snapshot, columns: u16, rows: u16) -> Self {
        Self { model: Model::new(Arc::new(snapshot), (columns, rows)), clock: Duration::from_secs(10) }
    }

    /// Something happens.
    pub(crate) fn happens(&mut self, message: Message) -> Vec<Effect> {
        let now = self.model.snapshot.now;
        update(&mut self.model, message, Moment { since_start: self.clock, now })
    }

    /// The engine publishes this.
    pub(crate) fn sees(&mut self, snapshot: Snapshot) {
        self.happens(Message::Snapshot(Arc::new(snapshot)));
    }

    /// Presses keys as calmly as a person does, and rests after each.
    pub(crate) fn presses(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for chord in Chord::parse_macro(keys).expect("a macro") {
            self.clock += Duration::from_millis(400);
            effects.extend(self.happens(Message::Key { chord, repeat: false }));
            effects.extend(self.rests());
        }
        effects
    }

    /// Keys that come as fast as a terminal sends them.
    pub(crate) fn rains(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for chord in Chord::parse_macro(keys).expect("a macro") {
            self.clock += Duration::from_millis(2);
            effects.extend(self.happens(Message::Key { chord, repeat: false }));
            effects.extend(self.happens(Message::Tick));
        }
        effects
    }

    /// The fingers rest for a while.
    pub(crate) fn rests(&mut self) -> Vec<Effect> {
        self.clock += Duration::from_millis(200);
        self.happens(Message::Tick)
    }

    /// What is on the screen.
    pub(crate) fn screen(&self, theme: &Theme, ascii: bool) -> Buffer {
        let area = Rect::new(0, 0, self.model.size.0, self.model.size.1);
        let mut buffer = Buffer::empty(area);
        draw(&self.model, Look { theme, ascii }, area, &mut buffer);
        buffer
    }

    /// What is on the screen, as text.
    pub(crate) fn text(&self) -> String {
        let buffer = self.screen(&theme("night", Depth::True), false);
        let area = buffer.area;
        let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..area.height).map(row).collect::<Vec<_>>().join("\n")
    }
}

/// A built-in theme.
pub(crate) fn theme(name: &str, depth: Depth) -> Theme {
    Theme::load(name, None, depth).expect("it loads")
}
