//! Reads the rows of one table of an sqlite database, as much as rpm's needs: <https://sqlite.org/fileformat2.html>.
//!
//! Ours because the database comes from an image that nobody has to trust: sqlite itself runs what a crafted schema
//! says, while this walks the pages of a single table in safe code.

use std::cell::Cell;
use std::collections::HashSet;

const MAGIC: &[u8] = b"SQLite format 3\0";
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
const INTERIOR_INDEX: u8 = 2;
const LEAF_INDEX: u8 = 10;
const CUT: &str = "a page is cut short";

/// Hands the last column of every row of `table`, which must hold bytes, to `each`.
pub(super) fn rows(
    database: &[u8],
    table: &[u8],
    each: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let pages = Pages::new(database)?;
    let mut root = None;
    pages.walk(1, &mut |record| {
        // type, name, tbl_name, rootpage, sql
        if column(record, 0)? == b"table" && column(record, 1)? == table {
            root = Some(column(record, 3)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)));
        }
        Ok(())
    })?;
    let root = root.ok_or("it has no table called Packages")?;
    pages.walk(root, &mut |record| each(last_column(record)?))
}

pub(super) struct Pages<'d> {
    pub(super) database: &'d [u8],
    /// Bytes that records may still have: no more than there are pages for, however often a crafted one counts them.
    left: Cell<usize>,
    pub(super) size: usize,
    /// Bytes of a page that hold data.
    pub(super) usable: usize,
}

impl<'d> Pages<'d> {
    pub(super) fn new(database: &'d [u8]) -> Result<Self, &'static str> {
        let header =
            database.get(..100).filter(|header| header.starts_with(MAGIC)).ok_or("it is no sqlite database")?;
        let size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err("its pages have no valid size"),
        };
        let usable = size - usize::from(header[20]);
        if usable < 480 {
            Err("its pages have no valid size")
        } else {
            Ok(Self { database, left: Cell::new(2 * database.len()), size, usable })
        }
    }

    fn page(&self, number: usize) -> Result<&'d [u8], &'static str> {
        let begin = number.checked_sub(1).and_then(|before| before.checked_mul(self.size)).ok_or(CUT)?;
        begin.checked_add(self.size).and_then(|end| self.database.get(begin..end)).ok_or(CUT)
    }

    /// Hands the record of every row of the table at the page `root` to `each`.
    fn walk(&self, root: usize, each: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>) -> Result<(), &'static str> {
        let mut seen = HashSet::from([root]);
        let mut todo = vec![root];
        let mut meet = |number: usize, todo: &mut Vec<usize>| {
            if !seen.insert(number) {
                return Err("its pages lead to each other");
            }
            todo.push(number);
            Ok(())
        };
        while let Some(number) = todo.pop() {
            let page = self.page(number)?;
            // The first page begins with the header of the database.
            let at = if number == 1 { 100 } else { 0 };
            let kind = page[at];
            let cells = usize::from(u16::from_be_bytes([page[at + 3], page[at + 4]]));
            let pointers = at + if kind == INTERIOR { 12 } else { 8 };
            let pointer = |cell: usize| {
                let bytes = page.get(pointers + 2 * cell..pointers + 2 * cell + 2).ok_or(CUT)?;
                page.get(usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))..).ok_or(CUT)
            };
            match kind {
                INTERIOR => {
                    meet(word(&page[at + 8..])?, &mut todo)?;
                    for cell in (0..cells).rev() {
                        meet(word(pointer(cell)?)?, &mut todo)?;
                    }
                }
                LEAF => {
                    for cell in 0..cells {
                        each(&self.record(pointer(cell)?, true)?)?;
                    }
                }
                _ => return Err("a page of a table is none"),
            }
        }
        Ok(())
    }

    /// Hands every row or entry of the table or index at the page `root` to `each`, in order: its number, which an
    /// index has none of, and its record.
    pub(super) fn cells(
        &self,
        root: usize,
        each: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        enum Step {
            Page(usize),
            Entry(usize, usize),
        }
        let mut seen = HashSet::new();
        let mut todo = vec![Step::Page(root)];
        while let Some(step) = todo.pop() {
            let number = match step {
                Step::Entry(number, at) => {
                    let cell = self.page(number)?.get(at..).ok_or(CUT)?;
                    each(0, self.record(cell.get(4..).ok_or(CUT)?, false)?)?;
                    continue;
                }
                Step::Page(number) => number,
            };
            if !seen.insert(number) {
                return Err("its pages lead to each other");
            }
            let page = self.page(number)?;
            let at = if number == 1 { 100 } else { 0 };
            let kind = page[at];
            let cells = usize::from(u16::from_be_bytes([page[at + 3], page[at + 4]]));
            let pointers = at + if matches!(kind, INTERIOR | INTERIOR_INDEX) { 12 } else { 8 };
            let pointer = |cell: usize| {
                let bytes = page.get(pointers + 2 * cell..pointers + 2 * cell + 2).ok_or(CUT)?;
                Ok::<_, &str>(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
            };
            match kind {
                INTERIOR | INTERIOR_INDEX => {
                    todo.push(Step::Page(word(&page[at + 8..])?));
                    for cell in (0..cells).rev() {
                        let place = pointer(cell)?;
                        if kind == INTERIOR_INDEX {
                            todo.push(Step::Entry(number, place));
                        }
                        todo.push(Step::Page(word(page.get(place..).ok_or(CUT)?)?));
                    }
                }
                LEAF | LEAF_INDEX => {
                    for cell in 0..cells {
                        let cell = page.get(pointer(cell)?..).ok_or(CUT)?;
                        let number = if kind == LEAF { varint(varint(cell)?.1)?.0 } else { 0 };
                        each(number, self.record(cell, kind == LEAF)?)?;
                    }
                }
                _ => return Err("a page of a table is none"),
            }
        }
        Ok(())
    }

    /// The record in a cell, with what did not fit into the page.
    fn record(&self, cell: &[u8], is_row: bool) -> Result<Vec<u8>, &'static str> {
        let (len, mut cell) = varint(cell)?;
        if is_row {
            (_, cell) = varint(cell)?;
        }
        let len = usize::try_from(len).ok().filter(|len| *len <= self.database.len()).ok_or(CUT)?;
        self.left.set(self.left.get().checked_sub(len).ok_or("its rows have more bytes than it has")?);
        let local = local(self.usable, len, is_row);
        let mut record = cell.get(..local).ok_or(CUT)?.to_vec();
        let mut rest = &cell[local..];
        while record.len() < len {
            // Every step adds bytes, so a circle ends.
            let page = self.page(word(rest)?)?;
            rest = page;
            let more = (len - record.len()).min(self.usable - 4);
            record.extend_from_slice(page.get(4..4 + more).ok_or(CUT)?);
        }
        Ok(record)
    }
}

/// How many of the `len` bytes of a record lie in its cell, on pages of `usable` bytes.
pub(super) fn local(usable: usize, len: usize, is_row: bool) -> usize {
    let most = if is_row { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    let least = (usable - 12) * 32 / 255 - 23;
    match least + len.saturating_sub(least) % (usable - 4) {
        _ if len <= most => len,
        local if local <= most => local,
        _ => least,
    }
}

fn word(bytes: &[u8]) -> Result<usize, &'static str> {
    let bytes: [u8; 4] = bytes.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or(CUT)?;
    usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| CUT)
}

pub(super) fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), &'static str> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        if at == 8 {
            return Ok((number << 8 | u64::from(*byte), &bytes[9..]));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[at + 1..]));
        }
    }
    Err(CUT)
}

/// Hands the type and the bytes of each column of a record to `each`. None are collected: a column of no bytes is one
/// byte.
fn columns<'r>(record: &'r [u8], mut each: impl FnMut(u64, &'r [u8])) -> Result<(), &'static str> {
    let (len, types) = varint(record)?;
    let len = usize::try_from(len).map_err(|_| CUT)?;
    let mut types = record.get(record.len() - types.len()..len).ok_or(CUT)?;
    let mut body = record.get(len..).ok_or(CUT)?;
    while !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            _ => kind.saturating_sub(12) / 2,
        };
        let size = usize::try_from(size).ok().filter(|size| *size <= body.len()).ok_or(CUT)?;
        each(kind, &body[..size]);
        body = &body[size..];
    }
    Ok(())
}

/// The type and the bytes of a column of a record.
fn typed(record: &[u8], wanted: usize) -> Result<(u64, &[u8]), &'static str> {
    let (mut at, mut found) = (0, None);
    columns(record, |kind, column| {
        if at == wanted {
            found = Some((kind, column));
        }
        at += 1;
    })?;
    found.ok_or(CUT)
}

pub(super) fn column(record: &[u8], wanted: usize) -> Result<&[u8], &'static str> {
    typed(record, wanted).map(|(_, column)| column)
}

pub(super) fn last_column(record: &[u8]) -> Result<&[u8], &'static str> {
    last(record).map(|(_, column)| column)
}

fn last(record: &[u8]) -> Result<(u64, &[u8]), &'static str> {
    let mut last = None;
    columns(record, |kind, column| last = Some((kind, column)))?;
    last.ok_or(CUT)
}

/// The number in a column of a record; `None` when there is none.
pub(super) fn number(record: &[u8], at: usize) -> Option<u64> {
    typed(record, at).ok().and_then(as_number)
}

/// The same of the last column.
pub(super) fn last_number(record: &[u8]) -> Option<u64> {
    last(record).ok().and_then(as_number)
}

fn as_number((kind, bytes): (u64, &[u8])) -> Option<u64> {
    match kind {
        8 => Some(0),
        9 => Some(1),
        1..=6 => Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
        _ => None,
    }
}
