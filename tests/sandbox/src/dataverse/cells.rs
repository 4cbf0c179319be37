//! The compact form of a row's client-written columns: `(column number, length, bytes)` in order of the numbers.
//!
//! The bytes are canonical JSON, ready to be sent, except for a lookup that is not null: that is the number of the
//! target table (2 bytes) and the target's primary key (16 bytes), both little-endian.

use std::cmp::Ordering;

/// Appends one cell; the caller keeps the order.
pub(crate) fn push(out: &mut Vec<u8>, column: u16, value: &[u8]) {
    out.extend_from_slice(&column.to_le_bytes());
    let mut rest = value.len();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(value);
}

/// Walks over the cells of a row.
#[derive(Clone)]
pub(crate) struct Cells<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Cells<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, mut rest) = self.0.split_first_chunk::<2>()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (byte, tail) = rest.split_first()?;
            rest = tail;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (value, tail) = rest.split_at_checked(length)?;
        self.0 = tail;
        Some((u16::from_le_bytes(*head), value))
    }
}

/// The bytes of one column, if the row has it.
pub(crate) fn find(cells: &[u8], column: u16) -> Option<&[u8]> {
    Cells(cells)
        .take_while(|(number, _)| *number <= column)
        .find(|(number, _)| *number == column)
        .map(|cell| cell.1)
}

/// Both rows' cells; where both have a column, the newer wins.
pub(crate) fn merge(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(old.len() + new.len());
    let (mut left, mut right) = (Cells(old).peekable(), Cells(new).peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(old), Some(new)) => old.0.cmp(&new.0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return out,
        };
        if order == Ordering::Equal {
            left.next();
        }
        let cell = if order == Ordering::Less { left.next() } else { right.next() };
        if let Some((column, value)) = cell {
            push(&mut out, column, value);
        }
    }
}

/// A lookup's bytes.
pub(crate) fn reference(table: u16, id: u128) -> [u8; 18] {
    let mut out = [0; 18];
    let (head, tail) = out.split_at_mut(2);
    head.copy_from_slice(&table.to_le_bytes());
    tail.copy_from_slice(&id.to_le_bytes());
    out
}

/// What a lookup's bytes point at; `None` for null.
pub(crate) fn referenced(bytes: &[u8]) -> Option<(u16, u128)> {
    let whole: &[u8; 18] = bytes.try_into().ok()?;
    let (table, id) = whole.split_first_chunk::<2>()?;
    Some((u16::from_le_bytes(*table), u128::from_le_bytes(id.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[(u16, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (column, value) in cells {
            push(&mut out, *column, value.as_bytes());
        }
        out
    }

    #[test]
    fn a_merge_keeps_order_and_the_newer_value() {
        let long = "x".repeat(70_000);
        let merged = merge(&row(&[(1, "a"), (3, "b"), (9, &long)]), &row(&[(2, "n"), (3, "m"), (12, "")]));
        assert_eq!(merged, row(&[(1, "a"), (2, "n"), (3, "m"), (9, &long), (12, "")]));
        assert_eq!(find(&merged, 9).map(<[u8]>::len), Some(70_000));
        assert_eq!(find(&merged, 4), None);
    }

    #[test]
    fn a_reference_round_trips_and_null_is_none() {
        assert_eq!(referenced(&reference(7, u128::MAX - 5)), Some((7, u128::MAX - 5)));
        assert_eq!(referenced(b"null"), None);
    }
}
