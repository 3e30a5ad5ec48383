//! The page of a chain: the same stations as `sealwatch trace`, from either end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr as _;

use super::document::{Document, Ink};
use super::model::{Model, Overlay, Reader, Screen};
use super::pages::Page;
use super::palette::Palette;
use super::rows::Tone;
use super::words::{counted, named, since};
use crate::diagnosis::chain::{Chain, Says, chain};
use crate::diagnosis::lookup::lookup;
use crate::model::kinds::{Pod, Watched as _};
use crate::model::{Age, Health, Kind, ObjectRef};

/// Dependents of one station that are followed.
const MOST: usize = 8;
/// Room beside the names of stations for state, age and note.
const BESIDE: usize = 36;

/// The chain of an object, where it breaks, and because of what.
pub(super) fn page(model: &Model, object: &ObjectRef) -> Document {
    let kept = model.traced.as_ref().filter(|chain| chain.asked == *object);
    let chain = kept.map_or_else(|| Cow::Owned(model.chain(object)), Cow::Borrowed);
    let mut page = Document::default();
    stations(&mut page, model, &chain);
    waiting(&mut page, model, &chain);
    page.title("Where it breaks");
    let nothing = match chain.health() {
        Health::Failing => None,
        Health::Warning => Some("Nothing fails now; but not all is well."),
        Health::Unknown => Some("Nothing fails as far as could be seen."),
        Health::Healthy => Some("All of it is well."),
    };
    if let Some(nothing) = nothing {
        page.text(Ink::Plain, nothing);
    }
    for station in chain.breaks() {
        page.text(Ink::Tone(Tone::Failing), format!("{}: {}", named(&station.object), station.state.word));
    }
    for cause in &chain.causes {
        page.title(cause.title);
        page.text(Ink::Plain, format!("{}: {}", named(&cause.subject), cause.summary));
        if let Some(at) = cause.since {
            page.pair("since", 10, Ink::Plain, since(at, model.now));
        }
        if !cause.runbooks.is_empty() {
            page.pair("repair", 10, Ink::Code, cause.runbooks.join(", "));
        }
    }
    page
}

/// The pods that wait for a Secret of the chain: a workload is named among the stations, the pod that hangs is not.
fn waiting(page: &mut Document, model: &Model, chain: &Chain) {
    let world = &model.snapshot.world;
    let secrets = chain.stations.iter().map(|station| &station.object).filter(|object| object.kind == Kind::Secret);
    let pods: BTreeMap<ObjectRef, &Pod> = secrets
        .flat_map(|secret| world.consumers_of(&secret.namespace, &secret.name))
        .filter(|pod| pod.wants_secret())
        .map(|pod| (pod.object_ref(), pod.as_ref()))
        .collect();
    if pods.is_empty() {
        return;
    }
    page.title(format!("Waiting: {}", counted(pods.len(), "pod")));
    for (object, pod) in pods.iter().take(MOST) {
        page.text(Ink::Plain, format!("{}  {}", object.short(), pod.why_it_waits()));
    }
    if pods.len() > MOST {
        page.text(Ink::Muted, format!("and {} more", pods.len() - MOST));
    }
}

fn stations(page: &mut Document, model: &Model, chain: &Chain) {
    let lines = chain.lines();
    let widest = |short: bool| lines.iter().map(|line| chain.label(line, short).width()).max().unwrap_or(0);
    let room = model.reading_width().saturating_sub(BESIDE);
    let short = widest(false) > room;
    let width = widest(short).min(room);
    let states = chain.stations.iter().map(|station| station.state.word.width()).max().unwrap_or(0);
    for line in &lines {
        let label = chain.label(line, short);
        let spans = match line.says {
            Says::More(_) => Vec::new(),
            Says::Again(_) => vec![(Ink::Muted, "(above)".to_owned())],
            Says::Station(at) => {
                let station = &chain.stations[at];
                let age = station.since.map_or_else(String::new, |at| format!("  {}", Age::between(at, model.now)));
                let note = if station.note.is_empty() { String::new() } else { format!("  {}", station.note) };
                let blanks = " ".repeat(states - station.state.word.width());
                vec![
                    (Ink::Tone(station.state.health.into()), format!("{}{blanks}", station.state.word)),
                    (Ink::Muted, format!("{age}{note}")),
                ]
            }
        };
        page.row(label, width, spans);
    }
}

impl Model {
    fn chain(&self, object: &ObjectRef) -> Chain {
        chain(&self.snapshot.world, &self.snapshot.diagnosis, object, self.now, MOST)
    }

    /// Works the chain out that is being read, for this picture.
    pub(super) fn retrace(&mut self) {
        // Also while something lies over it: it is come back to.
        let object = self.stack.iter().rev().find_map(|screen| match screen {
            Screen::Reader(Reader { page: Page::Trace(object), .. }) => Some(object),
            _ => None,
        });
        self.traced = object.map(|object| self.chain(object));
    }

    /// Opens the chain of an object.
    pub(super) fn open_trace(&mut self, object: ObjectRef) {
        self.open(Screen::Reader(Reader::new(Page::Trace(object))));
        self.retrace();
    }

    /// Opens the chain of what was named after the word `trace`, or of what is selected on the board.
    pub(super) fn trace(&mut self, palette: Palette) {
        let typed = palette.field.text().trim().trim_start_matches(':');
        let name = typed.strip_prefix("trace").map_or("", str::trim).replace(' ', "/");
        let object = if name.is_empty() {
            let selected = self.board.selected().and_then(|entry| entry.object());
            selected.ok_or_else(|| "Name an object, such as trace deploy/shop/web, or select one on the board.".to_owned())
        } else {
            lookup(&self.snapshot.world, &name, &[]).map_err(|not| {
                let like: Vec<String> = not.like.iter().map(ObjectRef::to_string).collect();
                if like.is_empty() { not.why } else { format!("{} Did you mean {}?", not.why, like.join(", ")) }
            })
        };
        match object {
            Ok(object) => self.open_trace(object),
            Err(why) => {
                self.say(why);
                self.overlay = Some(Overlay::Palette(palette));
            }
        }
    }
}
