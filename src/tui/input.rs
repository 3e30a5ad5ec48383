//! From crossterm's events to ours. Only presses count; what we have no name for is dropped.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::app::{Message, Model};
use super::screens::board::layout::hit;
use crate::keymap::{Chord, Key};

/// What an event means to the model, if anything.
pub(super) fn message(event: Event, model: &Model, screen: Rect) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            Some(Message::Key { chord: chord(key)?, repeat: key.kind == KeyEventKind::Repeat })
        }
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(columns, rows) => Some(Message::Resized(columns, rows)),
        Event::Mouse(mouse) => clicked(mouse, model, screen),
        _ => None,
    }
}

fn clicked(mouse: MouseEvent, model: &Model, screen: Rect) -> Option<Message> {
    match mouse.kind {
        MouseEventKind::ScrollDown => Some(Message::Scrolled(1)),
        MouseEventKind::ScrollUp => Some(Message::Scrolled(-1)),
        MouseEventKind::Down(MouseButton::Left) if model.stack.is_empty() => {
            hit(model, screen, Position::new(mouse.column, mouse.row)).map(Message::Clicked)
        }
        _ => None,
    }
}

/// The chord of a key press.
fn chord(key: KeyEvent) -> Option<Chord> {
    let named = match key.code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    };
    // Alt with a key is another key that we do not bind; it must not act as the bare one.
    if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
        return None;
    }
    Some(Chord { key: named, control: key.modifiers.contains(KeyModifiers::CONTROL) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alt_is_not_the_bare_key() {
        assert_eq!(chord(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::ALT)), None);
        assert_eq!(chord(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE)), Some(Chord::char('y')));
        let ctrl_c = chord(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert_eq!(ctrl_c, Chord::parse("ctrl-c"));
    }
}
