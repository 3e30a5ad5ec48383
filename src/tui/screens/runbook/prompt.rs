//! What a step asks, right under it, and the key or the field that answers.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::runbooks::Confirm;
use crate::theme::Role;
use crate::tui::app::Model;
use crate::tui::app::prompt::{Prompt, Way};
use crate::tui::app::run::Typing;
use crate::tui::screens::{Look, below};
use crate::tui::widgets::banner::Banner;
use crate::tui::widgets::input;

/// How far it stands to the right, under the name of its step.
const INDENT: u16 = 3;
/// How many rows a question may take.
const LONGEST: u16 = 3;

/// What stands in the first rows, and what is typed in the last.
enum Asked<'a> {
    Key(String),
    Name(String, &'a Prompt),
    Share(String),
}

/// Draws it under its step; says how many rows it took, and where the cursor stands, if something is typed.
pub(super) fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> (u16, Option<Position>) {
    let (Some(preview), Some(prompt)) = (model.asked(), &model.run.prompt) else { return (0, None) };
    let area = Rect { x: area.x + INDENT, width: area.width.saturating_sub(INDENT + 1), ..area };
    let asked = asked(model, &preview.confirm, prompt);
    let (Asked::Key(text) | Asked::Name(text, _) | Asked::Share(text)) = &asked;
    let style = look.of(Role::Prompt);
    let rows = Banner::new(text, "", area.width).draw(Rect { height: area.height.min(LONGEST), ..area }, buffer, style, style);
    let field = below(area, rows);
    let field = Rect { height: field.height.min(1), ..field };
    let cursor = match asked {
        Asked::Key(_) => return (rows, None),
        _ if field.height == 0 => None,
        Asked::Name(_, prompt) => input::field(&prompt.field, field, buffer, look.theme),
        Asked::Share(_) => input::dots(model.hidden, field, buffer, look.theme),
    };
    (rows + field.height, cursor)
}

fn asked<'a>(model: &Model, confirm: &Confirm, prompt: &'a Prompt) -> Asked<'a> {
    if let Some(why) = model.closed_to(confirm) {
        return Asked::Key(format!("{why} Until then nothing is asked; j k look at the other steps."));
    }
    if prompt.sent {
        return Asked::Key("Sent. The world will tell.".to_owned());
    }
    // What `y` would do must be what is shown below.
    if model.looks_elsewhere() {
        let text = "Another step is shown below. Enter comes back to what this one asks.".to_owned();
        return match model.typing() {
            None => Asked::Key(text),
            Some(Typing::Name) => Asked::Name(text, prompt),
            Some(Typing::Share) => Asked::Share(text),
        };
    }
    // Keys do not count before one could have read what is asked, and the bar says so.
    let read_first = |text: String| if model.run_is_settling() { "Read first …".to_owned() } else { text };
    let yes = |text: String| if prompt.is_pending() { "Agreed …".to_owned() } else { read_first(text) };
    match (confirm, prompt.way) {
        (Confirm::Start, _) => Asked::Key(read_first("Enter starts this step. It writes nothing.".to_owned())),
        (Confirm::Yes, _) => Asked::Key(yes("y agrees to what is shown below; Enter does not, Esc leaves it undone.".to_owned())),
        (Confirm::TypeName(name), Way::Left) => Asked::Key(format!("It asks for the name “{name}”. Enter goes to the field.")),
        (Confirm::TypeName(name), _) => Asked::Name(format!("Type “{name}” in full to agree:"), prompt),
        (Confirm::Value(what), Way::Left) => Asked::Key(format!("It asks for {what}. Enter goes to the field.")),
        (Confirm::Value(what), _) => {
            Asked::Share(format!("Type {what}, unseen, in one line. Enter keeps it for the next question, Esc wipes it."))
        }
        (Confirm::Share { secret: None }, Way::Left) => Asked::Key("A share is asked for. Enter goes to the field.".to_owned()),
        (Confirm::Share { .. }, Way::Left) => {
            Asked::Key("A share is asked for. Enter goes to the field, Tab takes the shares from the Secret.".to_owned())
        }
        (Confirm::Share { secret: None }, _) => Asked::Share("Type a share, unseen. Enter sends it, Esc wipes it.".to_owned()),
        (Confirm::Share { secret: Some(secret) }, Way::FromSecret) if model.secret_needs_name() => {
            let context = &model.snapshot.identity.context;
            Asked::Name(format!("Shares from Secret {}: type the context’s name, {context}:", secret.short()), prompt)
        }
        (Confirm::Share { secret: Some(secret) }, Way::FromSecret) => {
            Asked::Key(yes(format!("y takes the shares from Secret {}. Tab: type them.", secret.short())))
        }
        (Confirm::Share { .. }, Way::Typing) => {
            Asked::Share("Type a share, unseen. Enter sends it, Esc wipes it, Tab: from a Secret.".to_owned())
        }
    }
}
