//! Which rows are shown: groups by namespace, those with broken rows first, what is well folded to a count.

use std::cmp::Reverse;

use super::lane::Group;
use super::row::Sum;
use super::spans::{Groups, Span, Under};
use super::{Alone, Entry, View};
use crate::model::Name;
use crate::tui::app::board::Pane;
use crate::tui::app::rows::Tone;

/// What is folded in a pane.
pub(super) struct Fold {
    /// Nothing is.
    none: bool,
    /// Namespaces with broken rows begin open as long as these rows last.
    rows_left: usize,
    /// Namespaces where all is well have a line of their own.
    name_healthy: bool,
    spans: Vec<Span>,
    folded: usize,
    sum: Sum,
}

impl Fold {
    /// Lays the groups of namespaces out; `broken` rows there are in all.
    pub(super) fn spans(pane: Pane, groups: &Groups, broken: usize, view: &View) -> Vec<Span> {
        let mut all: Vec<(&Name, &Group, usize)> = groups
            .iter()
            .filter_map(|(under, group)| match under {
                Under::Namespace(namespace) => Some((namespace, group, group.broken())),
                Under::Server(_) => None,
            })
            .collect();
        let kept: usize = all.iter().map(|(_, group, _)| group.len()).sum();
        let headings = all.iter().filter(|(_, group, _)| group.len() > 1).count();
        let healthy_only = all.iter().filter(|(_, _, broken)| *broken == 0).count();
        let mut fold = Self {
            // A filter is a wish to see: nothing that it leaves is folded away. Nor is what fits anyway.
            none: view.unfolded.contains(&pane) || !view.filter.is_empty() || kept + headings <= view.room,
            rows_left: view.room.saturating_sub(broken.min(headings) + 1),
            name_healthy: broken.min(headings) + healthy_only < view.room,
            spans: Vec::new(),
            folded: 0,
            sum: Sum::default(),
        };
        // What is wrong in silence does not stand before what fails.
        all.sort_by_key(|(name, group, broken)| (Reverse(group.count(Tone::Failing)), Reverse(*broken), *name));
        for (namespace, group, broken) in all {
            fold.group(namespace, group, broken, view.flipped.contains(&(pane, namespace.clone())));
        }
        let Sum { at_risk: due, last, .. } = fold.sum;
        if fold.folded > 0 {
            fold.spans.push(Span::One(Entry::Folded { count: fold.folded, unread: 0, due, last }));
        }
        fold.spans
    }

    fn group(&mut self, namespace: &Name, group: &Group, broken: usize, flipped: bool) {
        let named = self.none || broken > 0 || self.name_healthy || flipped;
        if !named {
            self.folded += group.len();
            self.sum = self.sum.and(group.sum(|_| true));
            return;
        }
        if group.len() == 1 {
            return self.spans.push(Span::Objects(namespace.clone(), 1, Alone::Yes));
        }
        let sum = group.sum(|_| true);
        let next = if group.count(Tone::Failing) == 0 { sum.refresh } else { sum.retry };
        let fits = broken > 0 && broken <= self.rows_left;
        if fits {
            self.rows_left -= broken;
        }
        let open = flipped != (self.none || fits);
        self.spans.push(Span::One(Entry::Group {
            namespace: namespace.clone(),
            broken,
            failing: group.count(Tone::Failing),
            well: group.len() - broken,
            at_risk: sum.at_risk,
            next,
            open,
        }));
        // Opened by hand, or where nothing is folded, a namespace shows what is well too.
        let all = self.none || broken == 0;
        let shown = match (open, all) {
            (false, _) => 0,
            (true, true) => group.len(),
            (true, false) => broken,
        };
        self.spans.push(Span::Objects(namespace.clone(), shown, Alone::No));
        if broken > 0 && shown <= broken {
            self.folded += group.len() - broken;
            self.sum = self.sum.and(group.sum(|tone| !tone.is_broken()));
        }
    }
}

/// How many of the rows behind the first `shown` ones are of this tone.
pub(super) fn behind(group: &Group, shown: usize, wanted: Tone) -> usize {
    let before: usize = Tone::ALL.into_iter().filter(|tone| *tone < wanted).map(|tone| group.count(tone)).sum();
    (before + group.count(wanted)).saturating_sub(before.max(shown))
}
