//! The last lines of a runbook's screen: what is asked, and the key or the field that answers.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::engine::{RunState, RunView};
use crate::runbooks::Confirm;
use crate::theme::Role;
use crate::tui::app::Model;
use crate::tui::app::prompt::{Prompt, Way};
use crate::tui::screens::Look;
use crate::tui::widgets::input;
use crate::tui::widgets::pen::Pen;

/// How many rows it takes.
pub(super) const ROWS: u16 = 2;

/// What stands in the first row, and what is typed in the second.
enum Asked<'a> {
    Key(String),
    Name(String, &'a Prompt),
    Share(String),
}

/// Draws it; says where the cursor stands, if something is typed.
pub(super) fn draw(model: &Model, run: &RunView, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    let (Some(preview), Some(prompt)) = (model.asked(), &model.run.prompt) else {
        quiet(run, look, area, buffer);
        return None;
    };
    let second = (area.height > 1).then(|| Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: 1 });
    match asked(model, &preview.confirm, prompt) {
        Asked::Key(text) => {
            bar(&text, look, area, buffer);
            None
        }
        Asked::Name(text, prompt) => {
            bar(&text, look, area, buffer);
            input::field(&prompt.field, second?, buffer, look.theme)
        }
        Asked::Share(text) => {
            bar(&text, look, area, buffer);
            input::dots(model.hidden, second?, buffer, look.theme)
        }
    }
}

fn asked<'a>(model: &Model, confirm: &Confirm, prompt: &'a Prompt) -> Asked<'a> {
    if let Some(why) = model.closed_to(confirm) {
        return Asked::Key(format!("{why} j k look at the other steps meanwhile."));
    }
    if prompt.sent {
        return Asked::Key("Sent. The world will tell.".to_owned());
    }
    // Keys do not count before one could have read what is asked, and the bar says so.
    let read_first = |text: String| if model.run_is_settling() { "Read first …".to_owned() } else { text };
    let yes = |text: String| if prompt.is_pending() { "Agreed …".to_owned() } else { read_first(text) };
    match (confirm, prompt.way) {
        (Confirm::Start, _) => Asked::Key(read_first("Enter starts this step. It writes nothing.".to_owned())),
        (Confirm::Yes, _) => Asked::Key(yes("y agrees to this. Enter agrees to nothing, Esc leaves it undone.".to_owned())),
        (Confirm::TypeName(name), Way::Left) => Asked::Key(format!("It asks for the name “{name}”. Enter goes to the field.")),
        (Confirm::TypeName(name), _) => Asked::Name(format!("Type “{name}” in full to agree:"), prompt),
        (Confirm::Value(what), Way::Left) => Asked::Key(format!("It asks for {what}. Enter goes to the field.")),
        (Confirm::Value(what), _) => {
            Asked::Share(format!("Type {what}, unseen, in one line. Enter keeps it for the next question, Esc wipes it."))
        }
        (Confirm::Share { .. }, Way::Left) => {
            Asked::Key("A share is asked for. Enter goes to the field, Tab takes the shares from the Secret.".to_owned())
        }
        (Confirm::Share { secret }, Way::FromSecret) if model.secret_needs_name() => {
            let context = &model.snapshot.identity.context;
            Asked::Name(format!("Shares from Secret {}: type the context’s name, {context}:", secret.short()), prompt)
        }
        (Confirm::Share { secret }, Way::FromSecret) => {
            Asked::Key(yes(format!("y takes the shares from Secret {}. Tab: type them.", secret.short())))
        }
        (Confirm::Share { .. }, Way::Typing) => {
            Asked::Share("Type a share, unseen. Enter sends it, Esc wipes it, Tab: from a Secret.".to_owned())
        }
    }
}

/// Nothing is asked: what the keys do to the run.
fn quiet(run: &RunView, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let text = match &run.state {
        RunState::Over(_) => " It is over. Esc goes back to the board; @ lists the commands that were run.",
        RunState::Paused => " Paused. p goes on, s stops.",
        _ => " It goes on by itself. p pauses, s stops after what is in flight, Esc leaves it.",
    };
    Pen::new(buffer, area, 0).put(text, look.of(Role::Muted));
}

fn bar(text: &str, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let style = look.of(Role::Prompt);
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(" ", style).put(text, style);
    pen.fill(" ", style);
}
