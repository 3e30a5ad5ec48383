//! Rows that are equally well, by name, in pieces of a few hundred: a change costs one piece, and what a heading
//! says of thousands of rows is added up from the sums of their pieces.

use super::row::{Row, Sum};
use crate::tui::app::rows::Tone;

/// Rows of a full piece.
const PIECE: usize = 256;

/// Rows of one tone.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pieces: Vec<Piece>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Piece {
    rows: Vec<Row>,
    /// `None` from a change to the next time that it is asked for.
    sum: Option<Sum>,
}

impl Lane {
    /// How many rows there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The row at this place.
    fn nth(&self, mut at: usize) -> Option<&Row> {
        for piece in &self.pieces {
            match at.checked_sub(piece.rows.len()) {
                Some(rest) => at = rest,
                None => return piece.rows.get(at),
            }
        }
        None
    }

    /// Every row, in order.
    fn iter(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.pieces.iter().flat_map(|piece| &piece.rows)
    }

    /// The piece and the place in it where a name stands, or would stand.
    fn find(&self, name: &str) -> Result<(usize, usize), (usize, usize)> {
        let starts_before = |piece: &Piece| piece.rows.first().is_some_and(|first| first.name() <= name);
        let at = self.pieces.partition_point(starts_before).saturating_sub(1);
        let Some(piece) = self.pieces.get(at) else { return Err((0, 0)) };
        piece.rows.binary_search_by(|row| row.name().cmp(name)).map(|row| (at, row)).map_err(|row| (at, row))
    }

    /// Where a name stands, counted from the first row.
    fn position(&self, name: &str) -> Option<usize> {
        let (at, row) = self.find(name).ok()?;
        Some(self.pieces[..at].iter().map(|piece| piece.rows.len()).sum::<usize>() + row)
    }

    /// Puts a row behind all others; its name comes after theirs.
    fn push(&mut self, row: Row) {
        self.len += 1;
        match self.pieces.last_mut().filter(|piece| piece.rows.len() < PIECE) {
            Some(piece) => {
                piece.rows.push(row);
                piece.sum = None;
            }
            None => self.pieces.push(Piece { rows: vec![row], sum: None }),
        }
    }

    /// How many rows have a name up to this one.
    fn up_to(&self, name: &str) -> usize {
        self.pieces.iter().map(|piece| piece.rows.partition_point(|row| row.name() <= name)).sum()
    }

    /// Puts a row in its place; one of that name is replaced.
    fn put(&mut self, row: Row) {
        let (at, place) = match self.find(row.name()) {
            Ok((at, place)) => {
                self.pieces[at].rows[place] = row;
                self.pieces[at].sum = None;
                return;
            }
            Err(place) => place,
        };
        let Some(piece) = self.pieces.get_mut(at) else { return self.push(row) };
        self.len += 1;
        piece.rows.insert(place, row);
        piece.sum = None;
        if piece.rows.len() > PIECE {
            let half = piece.rows.split_off(PIECE / 2);
            self.pieces.insert(at + 1, Piece { rows: half, sum: None });
        }
    }

    /// Takes the row of this name out.
    fn take(&mut self, name: &str) {
        let Ok((at, place)) = self.find(name) else { return };
        let piece = &mut self.pieces[at];
        piece.rows.remove(place);
        piece.sum = None;
        self.len -= 1;
        let left = piece.rows.len();
        // Two small neighbours become one, so that coming and going leaves no trail of nearly empty pieces.
        if self.pieces.get(at + 1).is_some_and(|next| left + next.rows.len() <= PIECE / 2) {
            let next = self.pieces.remove(at + 1);
            self.pieces[at].rows.extend(next.rows);
        } else if left == 0 {
            self.pieces.remove(at);
        }
    }
}

/// The rows under one heading, the worst first.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    lanes: [Lane; Tone::ALL.len()],
}

impl Group {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum()
    }

    /// How many rows are of this tone.
    pub(super) const fn count(&self, tone: Tone) -> usize {
        self.lanes[tone as usize].len()
    }

    /// How many rows need a look; they are the first ones.
    pub(super) fn broken(&self) -> usize {
        Tone::ALL.into_iter().filter(|tone| tone.is_broken()).map(|tone| self.count(tone)).sum()
    }

    /// The row at this place.
    pub(super) fn nth(&self, mut at: usize) -> Option<&Row> {
        for lane in &self.lanes {
            match at.checked_sub(lane.len()) {
                Some(rest) => at = rest,
                None => return lane.nth(at),
            }
        }
        None
    }

    /// Every row with its tone, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Tone, &Row)> {
        Tone::ALL.into_iter().zip(&self.lanes).flat_map(|(tone, lane)| lane.iter().map(move |row| (tone, row)))
    }

    /// Where a name stands.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        let mut before = 0;
        for lane in &self.lanes {
            if let Some(at) = lane.position(name) {
                return Some(before + at);
            }
            before += lane.len();
        }
        None
    }

    /// Puts a row behind all others of its tone; its name comes after theirs.
    pub(super) fn push(&mut self, tone: Tone, row: Row) {
        self.lanes[tone as usize].push(row);
    }

    /// Every row behind one of this tone and name, whether that is there or not.
    pub(super) fn iter_behind(&self, tone: Tone, name: &str) -> impl Iterator<Item = (Tone, &Row)> {
        let before: usize = Tone::ALL.into_iter().filter(|other| *other < tone).map(|other| self.count(other)).sum();
        self.iter().skip(before + self.lanes[tone as usize].up_to(name))
    }

    /// Puts a row that probably comes behind all others of its tone.
    pub(super) fn append(&mut self, tone: Tone, row: Row) {
        let last = self.lanes[tone as usize].pieces.last().and_then(|piece| piece.rows.last());
        if last.is_none_or(|last| last.name() < row.name()) { self.push(tone, row) } else { self.put(tone, row) }
    }

    /// Puts a row in its place, wherever it stood before.
    pub(super) fn put(&mut self, tone: Tone, row: Row) {
        for other in Tone::ALL.into_iter().filter(|other| *other != tone) {
            self.lanes[other as usize].take(row.name());
        }
        self.lanes[tone as usize].put(row);
    }

    /// Takes the row of this name out.
    pub(super) fn take(&mut self, name: &str) {
        for lane in &mut self.lanes {
            lane.take(name);
        }
    }

    /// What the sums say of the row of this name holds no longer; of all rows, if no name is given.
    pub(super) fn forget_sums(&mut self, name: Option<&str>) {
        for lane in &mut self.lanes {
            match name.map(|name| lane.find(name)) {
                None => lane.pieces.iter_mut().for_each(|piece| piece.sum = None),
                Some(Ok((at, _))) => lane.pieces[at].sum = None,
                Some(Err(_)) => {}
            }
        }
    }

    /// Adds up what was not added up since it changed.
    pub(super) fn sum_up(&mut self, of: &impl Fn(&Row) -> Sum) {
        for piece in self.lanes.iter_mut().flat_map(|lane| &mut lane.pieces) {
            if piece.sum.is_none() {
                piece.sum = Some(piece.rows.iter().map(of).fold(Sum::default(), Sum::and));
            }
        }
    }

    /// The sum of the rows of the tones that are wanted.
    pub(super) fn sum(&self, wanted: impl Fn(Tone) -> bool) -> Sum {
        let lanes = Tone::ALL.into_iter().zip(&self.lanes).filter(|(tone, _)| wanted(*tone));
        lanes.flat_map(|(_, lane)| &lane.pieces).filter_map(|piece| piece.sum).fold(Sum::default(), Sum::and)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::Text;

    fn row(number: u16) -> Row {
        Row::Path(Text::foreign(&format!("path-{number:05}")))
    }

    proptest::proptest! {
        #[test]
        fn rows_stand_by_tone_then_by_name(steps in proptest::collection::vec((0..2000_u16, 0..7_usize), 0..3000)) {
            let (mut group, mut model) = (Group::default(), BTreeMap::new());
            for (number, tone) in steps {
                if let Some(tone) = Tone::ALL.get(tone) {
                    group.put(*tone, row(number));
                    model.insert(number, *tone);
                } else {
                    group.take(row(number).name());
                    model.remove(&number);
                }
            }
            let mut wanted: Vec<(Tone, String)> = model.iter().map(|(n, tone)| (*tone, row(*n).name().to_owned())).collect();
            wanted.sort();
            let is: Vec<(Tone, String)> = group.iter().map(|(tone, row)| (tone, row.name().to_owned())).collect();
            proptest::prop_assert_eq!(&is, &wanted);
            proptest::prop_assert_eq!(group.len(), wanted.len());
            for (at, (_, name)) in wanted.iter().enumerate() {
                proptest::prop_assert_eq!(group.position(name), Some(at));
                proptest::prop_assert_eq!(group.nth(at).map(Row::name), Some(name.as_str()));
            }
            proptest::prop_assert!(group.nth(wanted.len()).is_none());
        }
    }
}
