//! Lines in which quotation marks inside values look like those around them.

use std::borrow::Cow;

use super::piece::{Manner, Piece};
use super::value::column;
use super::{Layout, extra};
use crate::access_log::entry::WhyUnread;

/// Values that clients send, behind which nothing is sure where quotation marks are not escaped.
const OF_CLIENTS: &[&str] = &["referer", "forwarded_for", "user_agent", "request_id"];

/// The pieces of a line in order; `None` for those that were passed over.
type Found<'l> = Vec<Option<Cow<'l, str>>>;

impl Layout {
    /// How many values stand behind the format's own in this line; `None` if it is not of the format.
    pub(in crate::access_log) fn count_extras(&self, line: &str) -> Option<usize> {
        let (_, extras) = self.bare(line.trim_end(), None).ok()?;
        Some(extras.len())
    }

    /// The pieces of a line in which quotation marks are not escaped, and what stands behind them. Where a line has more values than the
    /// others, a client has sent some of them: what stands behind the values of clients is then read from the end.
    pub(super) fn bare<'l>(
        &self,
        line: &'l str,
        extras_of_log: Option<usize>,
    ) -> Result<(Found<'l>, Vec<Cow<'l, str>>), WhyUnread> {
        let missing = |piece: &Piece| WhyUnread::NotOfFormat {
            missing: piece.name.clone(),
        };
        let of_client = |piece: &Piece| OF_CLIENTS.contains(&piece.name.as_str());
        let first = self.pieces.iter().position(of_client);
        let first = first.unwrap_or(self.pieces.len());
        let mut behind = line;
        let mut found: Found<'l> = Vec::with_capacity(self.pieces.len());
        for (number, piece) in self.pieces.iter().take(first).enumerate() {
            let rest = behind.strip_prefix(piece.before.as_str());
            let taken = rest.and_then(|rest| piece.taken(rest, self.after(number), self.quotes));
            let (value, rest) = taken.ok_or_else(|| missing(piece))?;
            found.push(Some(Cow::Borrowed(value)));
            behind = rest;
        }
        let mut columns = Vec::with_capacity(16);
        while let Some((value, rest)) = column(&mut behind, self.quotes) {
            columns.push((value, was_quoted(behind, value)));
            behind = rest;
        }
        if !behind.is_empty() {
            return Err(WhyUnread::Ambiguous);
        }
        let own = self.pieces.len().saturating_sub(first);
        let Some(extras) = columns.len().checked_sub(own) else {
            let piece = self.pieces.get(first.saturating_add(columns.len()));
            return Err(piece.map_or(WhyUnread::Ambiguous, missing));
        };
        let expected = extras_of_log.unwrap_or(extras);
        if extras < expected {
            return Err(WhyUnread::NotOfFormat {
                missing: extra(extras.saturating_add(1)),
            });
        }
        if extras > expected && expected > 1 {
            return Err(WhyUnread::Ambiguous);
        }
        if extras == expected {
            let own_pieces = self.pieces.iter().skip(first).zip(&columns);
            are_as_expected(own_pieces)?;
            let mut columns = columns.into_iter().map(|(value, _)| Cow::Borrowed(value));
            found.extend(columns.by_ref().take(own).map(Some));
            return Ok((found, columns.collect()));
        }
        // Of several values behind the format's own, a client may have sent the last one as well.
        let tail = self
            .pieces
            .iter()
            .rev()
            .take_while(|piece| !of_client(piece));
        let tail = tail.count();
        let from_end =
            last_columns(line, tail.saturating_add(expected)).ok_or(WhyUnread::Ambiguous)?;
        let head = self.pieces.len().saturating_sub(tail);
        are_as_expected(self.pieces.iter().skip(head).zip(&from_end))?;
        found.resize(head, None);
        let mut from_end = from_end.into_iter().map(|(value, _)| Cow::Borrowed(value));
        found.extend(from_end.by_ref().take(tail).map(Some));
        Ok((found, from_end.collect()))
    }
}

/// Whether a value, which stands first in a text, is in quotation marks.
fn was_quoted(text: &str, value: &str) -> bool {
    text.starts_with('"')
        && text
            .get(1..)
            .is_some_and(|inside| inside.starts_with(value))
}

/// Whether those values are in quotation marks that should be, and no others.
fn are_as_expected<'p>(
    mut columns: impl Iterator<Item = (&'p Piece, &'p (&'p str, bool))>,
) -> Result<(), WhyUnread> {
    let found = columns.find(|(piece, (_, quoted))| *quoted != (piece.manner == Manner::Quoted));
    match found {
        Some((piece, _)) => Err(WhyUnread::NotOfFormat {
            missing: piece.name.clone(),
        }),
        None => Ok(()),
    }
}

/// So many values at the end of a line, in their order. Each of them that is quoted begins behind the last blank with a quotation mark.
fn last_columns(line: &str, count: usize) -> Option<Vec<(&str, bool)>> {
    let mut rest = line.trim_end();
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        rest = rest.trim_end_matches(' ');
        let (before, value, quoted) = match rest.strip_suffix('"') {
            Some(inside) => {
                let from = inside.rfind(" \"")?;
                let value = inside.get(from.saturating_add(2)..)?;
                (inside.get(..from)?, value, true)
            }
            None => {
                let (before, value) = rest.rsplit_once(' ')?;
                (before, value, false)
            }
        };
        columns.push((value, quoted));
        rest = before;
    }
    columns.reverse();
    Some(columns)
}
