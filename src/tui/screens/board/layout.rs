//! Which part of the board stands where, and what a click hits. Numbers only.

use ratatui::layout::{Position, Rect};

use crate::tui::app::board::Pane;
use crate::tui::app::{Model, Spot};
use crate::tui::screens::header;
use crate::tui::widgets::table::window;

/// From this width on, the three panes stand side by side.
pub const SIDE_BY_SIDE: u16 = 120;
/// The panes get at least this many rows, heading included.
const PANES_LEAST: u16 = 6;

/// Where what stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Areas {
    /// The causes.
    pub causes: Rect,
    /// The line of tabs, where there is room for one pane only.
    pub tabs: Option<Rect>,
    /// The panes that are shown, each with its heading where they stand side by side.
    pub panes: Vec<(Pane, Rect)>,
    /// The last events.
    pub events: Option<Rect>,
}

/// Divides the area below the header; the causes want this height.
#[must_use]
pub fn layout(model: &Model, area: Rect, causes: u16) -> Areas {
    let events = match area.height {
        0..26 => 0,
        26..40 => 4,
        _ => 7,
    };
    let most = area.height.saturating_sub(PANES_LEAST + events).max(area.height / 2);
    let causes = causes.min(most).min(area.height);
    let panes_height = area.height.saturating_sub(causes + events);
    let causes_area = Rect { height: causes, ..area };
    let panes_area = Rect { y: area.y + causes, height: panes_height, ..area };
    let events_area = Rect { y: panes_area.bottom(), height: area.height - causes - panes_height, ..area };
    let (tabs, panes) = if area.width >= SIDE_BY_SIDE {
        (None, columns(panes_area))
    } else {
        let tabs = Rect { height: panes_area.height.min(1), ..panes_area };
        let rest = Rect { y: tabs.bottom(), height: panes_area.height - tabs.height, ..panes_area };
        (Some(tabs), vec![(model.board.tab(), rest)])
    };
    Areas { causes: causes_area, tabs, panes, events: (events_area.height > 0).then_some(events_area) }
}

/// How wide the three panes are, side by side, in parts of the whole. Always the same: what stands still can be read while
/// the world moves, and paths and replicas have the longest names.
const SHARES: [u16; 3] = [9, 11, 10];

/// The three panes; one column between them.
fn columns(area: Rect) -> Vec<(Pane, Rect)> {
    let total: u16 = SHARES.iter().sum();
    let room = area.width.saturating_sub(2);
    let mut x = area.x;
    let mut panes = Vec::new();
    for (number, (pane, share)) in Pane::TABLES.into_iter().zip(SHARES).enumerate() {
        let last = number + 1 == Pane::TABLES.len();
        let share = u16::try_from(u32::from(room) * u32::from(share) / u32::from(total)).unwrap_or(room);
        let width = if last { area.right().saturating_sub(x) } else { share };
        panes.push((pane, Rect { x, width, ..area }));
        x += width + 1;
    }
    panes
}

/// What stands at a position of the whole screen, while the board is the top one.
#[must_use]
pub fn hit(model: &Model, screen: Rect, at: Position) -> Option<Spot> {
    let body = Rect { y: screen.y + header::ROWS, height: screen.height.checked_sub(header::ROWS + 1)?, ..screen };
    let areas = layout(model, body, super::causes_height(model, body.width));
    if areas.causes.contains(at) {
        return Some(Spot::Pane(Pane::Causes));
    }
    if let Some(tabs) = areas.tabs.filter(|tabs| tabs.contains(at)) {
        let third = usize::from((at.x - tabs.x) * 3 / tabs.width.max(1));
        return Pane::TABLES.get(third).map(|pane| Spot::Pane(*pane));
    }
    let (pane, rect) = areas.panes.into_iter().find(|(_, rect)| rect.contains(at))?;
    let heading = u16::from(areas.tabs.is_none());
    let Some(row) = (at.y - rect.y).checked_sub(heading) else { return Some(Spot::Pane(pane)) };
    let rows = model.board.index.rows(pane).len();
    let height = usize::from(rect.height.saturating_sub(heading));
    let first = window(rows, model.board.around(pane), model.board.in_sight(pane), height);
    let row = first + usize::from(row);
    Some(if row < rows { Spot::Row(pane, row) } else { Spot::Pane(pane) })
}
