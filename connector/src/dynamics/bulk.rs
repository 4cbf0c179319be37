//! Which rows travel together, and what a refusal of some of them leads to: pure decisions.
//!
//! `UpsertMultiple` on a standard table stores all of its rows or none, and does not say which one it refused:
//! <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/bulk-operations>. So a refused piece is
//! halved until the refused rows stand alone, smallest pieces first, at about 2·log2(n) requests per refused row.

use std::collections::VecDeque;
use std::ops::Range;

/// As long as nothing at all was accepted, this many unexplained refusals are the service's fault, not the rows'.
/// About one refused row in twelve stays below it.
const DOUBTS_MAX: u32 = 64;

/// A run of neighbouring rows that travel in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Positions of the rows, never empty.
    pub(crate) rows: Range<usize>,
    /// Whether it, or the piece that it is a part of, was refused without explanation before.
    again: bool,
}

/// What came back for a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every row is stored.
    Stored,
    /// One of the rows is at fault.
    Poison,
    /// Unexplained.
    Doubtful,
    /// A deadlock or a lost race.
    Contended,
    /// Too many rows at once.
    TooMuch {
        /// Whether a single row that is too much is at fault; otherwise it may work later.
        fault: bool,
    },
    /// No further request makes sense now.
    Halt,
}

/// What becomes of the piece's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// They are stored.
    Stored,
    /// The one row is rejected.
    Reject,
    /// The one row is rejected, if it turns out that the service works.
    Suspect,
    /// They are sent again, whole or in halves.
    Again,
    /// Nothing more is sent.
    Halt,
}

/// The pieces that wait, and what is known about the service.
#[derive(Debug)]
pub(crate) struct Progress {
    waiting: VecDeque<Piece>,
    /// Whether any request was accepted.
    accepted: bool,
    doubts: u32,
}

impl Progress {
    /// Cuts `rows` rows into pieces.
    pub(crate) fn new(rows: usize, rows_per_request: usize) -> Self {
        let step = rows_per_request.max(1);
        let waiting = (0..rows)
            .step_by(step)
            .map(|first| Piece { rows: first..(first + step).min(rows), again: false })
            .collect();
        Self { waiting, accepted: false, doubts: 0 }
    }

    /// The piece to send next.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        self.waiting.pop_front()
    }

    /// Whether any request was accepted, which proves that the service works.
    pub(crate) fn accepted(&self) -> bool {
        self.accepted
    }

    /// Decides about a piece. Every piece ends: it is repeated whole at most once, and halves are smaller.
    pub(crate) fn judge(&mut self, piece: Piece, verdict: Verdict) -> Decision {
        let alone = piece.rows.len() <= 1;
        match verdict {
            Verdict::Stored => {
                self.accepted = true;
                Decision::Stored
            }
            Verdict::Halt => self.halt(),
            Verdict::Poison | Verdict::TooMuch { fault: true } if alone => Decision::Reject,
            Verdict::TooMuch { fault: false } if alone => self.halt(),
            Verdict::Poison | Verdict::TooMuch { .. } => self.halve(&piece),
            Verdict::Doubtful | Verdict::Contended => self.doubt(piece, verdict, alone),
        }
    }

    fn doubt(&mut self, piece: Piece, verdict: Verdict, alone: bool) -> Decision {
        self.doubts += 1;
        if !self.accepted && self.doubts >= DOUBTS_MAX {
            return self.halt();
        }
        if !piece.again {
            self.waiting.push_front(Piece { again: true, ..piece });
            return Decision::Again;
        }
        match verdict {
            Verdict::Doubtful if alone => Decision::Suspect,
            _ if alone => self.halt(),
            _ => self.halve(&piece),
        }
    }

    fn halve(&mut self, piece: &Piece) -> Decision {
        let Range { start, end } = piece.rows;
        let middle = start + (end - start).div_ceil(2);
        for rows in [middle..end, start..middle] {
            // A row is only given up after it was refused twice on its own.
            let again = piece.again && rows.len() > 1;
            self.waiting.push_front(Piece { rows, again });
        }
        Decision::Again
    }

    fn halt(&mut self) -> Decision {
        self.waiting.clear();
        Decision::Halt
    }
}

#[cfg(test)]
#[path = "bulk_tests.rs"]
mod tests;
