//! An sqlite database without some rows of a table: every table and index is written anew, in the order it had.
//!
//! Other tables are taken for indexes of the first as rpm has them: their second column is the number of its row.
//!
//! Format: <https://sqlite.org/fileformat2.html>, sections 1.3, 1.6 and 2.6.

use std::collections::{HashMap, HashSet};

use super::super::sqlite::{Pages, column, last_column, last_number, local, number, varint};

const INTERIOR: [u8; 2] = [2, 5];
const LEAF: [u8; 2] = [10, 13];

/// A new database.
struct Out {
    size: usize,
    usable: usize,
    bytes: Vec<u8>,
}

/// A tree that is written: a table of rows or an index of entries.
struct Growing<'o> {
    out: &'o mut Out,
    is_table: bool,
    leaf: Page,
    /// Pages that are written, each with what divides it from the next.
    level: Vec<(u32, Vec<u8>)>,
    last: u64,
}

/// Cells of a page that is not yet full.
#[derive(Default)]
struct Page {
    cells: Vec<Vec<u8>>,
    bytes: usize,
}

/// `database` without the rows of `table` whose last column does not stay; `change` is told of that of those that do.
pub(super) fn without(
    database: &[u8],
    table: &[u8],
    stays: &dyn Fn(&[u8]) -> bool,
    change: &dyn Fn(&mut [u8]),
) -> Result<Vec<u8>, &'static str> {
    let pages = Pages::new(database)?;
    let mut schema: Vec<(u64, Vec<u8>)> = Vec::new();
    pages.cells(1, &mut |number, record| {
        schema.push((number, record));
        Ok(())
    })?;
    let mut out = Out { size: pages.size, usable: pages.usable, bytes: vec![0; pages.size] };
    let mut is_changed = false;
    // Rows that are gone, by table. The first table comes first, because the others are judged by it; indexes come
    // last.
    let mut gone: HashMap<Vec<u8>, HashSet<u64>> = HashMap::new();
    let mut roots: HashMap<u64, u32> = HashMap::new();
    let rank = |record: &[u8]| -> Result<u8, &'static str> {
        Ok(match column(record, 0)? {
            b"table" if column(record, 1)? == table => 0,
            b"table" => 1,
            _ => 2,
        })
    };
    let mut order: Vec<(u8, usize)> = Vec::new();
    for (at, (_, record)) in schema.iter().enumerate() {
        order.push((rank(record)?, at));
    }
    order.sort_unstable();
    if order.first().is_none_or(|(rank, _)| *rank != 0) {
        return Err("it has no table called Packages");
    }
    for (rank, at) in order {
        let (place, record) = &schema[at];
        let Some(root) = number(record, 3).filter(|root| *root > 0) else { continue };
        let (name, of) = (column(record, 1)?.to_vec(), column(record, 2)?.to_vec());
        let mut removed = HashSet::new();
        let mut growing =
            Growing { out: &mut out, is_table: rank < 2, leaf: Page::default(), level: Vec::new(), last: 0 };
        pages.cells(usize::try_from(root).map_err(|_| "a root is no page")?, &mut |row, mut record| {
            let is_gone = match rank {
                0 => !stays(last_column(&record)?),
                _ if name.starts_with(b"sqlite_") => false,
                1 => {
                    let hnum = number(&record, 1);
                    hnum.is_some_and(|hnum| gone.get(table).is_some_and(|gone| gone.contains(&hnum)))
                }
                _ => {
                    let row = last_number(&record);
                    row.is_some_and(|row| gone.get(&of).is_some_and(|gone| gone.contains(&row)))
                }
            };
            if is_gone {
                is_changed = true;
                removed.insert(row);
                return Ok(());
            }
            if rank == 0 {
                let begin = record.len() - last_column(&record)?.len();
                let before = record[begin..].to_vec();
                change(&mut record[begin..]);
                is_changed |= before != record[begin..];
            }
            growing.add(row, &record);
            Ok(())
        })?;
        roots.insert(*place, growing.finish(None));
        if rank < 2 {
            gone.insert(name, removed);
        }
    }
    if !is_changed {
        return Ok(database.to_vec());
    }
    let mut growing = Growing { out: &mut out, is_table: true, leaf: Page::default(), level: Vec::new(), last: 0 };
    for (number, record) in &schema {
        let record = match roots.get(number) {
            Some(root) => with_root(record, *root)?,
            None => record.clone(),
        };
        growing.add(*number, &record);
    }
    growing.finish(Some(()));
    Ok(out.finish(database))
}

/// A row of the schema with another root.
fn with_root(record: &[u8], root: u32) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "a row of its schema is cut short";
    let (len, types) = varint(record)?;
    let head = record.len() - types.len();
    let len = usize::try_from(len).map_err(|_| CUT)?;
    let mut rest = record.get(head..len).ok_or(CUT)?;
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let (kind, after) = varint(rest)?;
        (rest, _) = (after, kinds.push(kind));
    }
    let mut body = Vec::new();
    for at in 0..kinds.len() {
        if at == 3 { body.extend_from_slice(&root.to_be_bytes()) } else { body.extend_from_slice(column(record, at)?) }
    }
    // Four bytes.
    *kinds.get_mut(3).ok_or(CUT)? = 4;
    let types: Vec<u8> = kinds.into_iter().flat_map(varint_of).collect();
    // The length counts itself, and headers of a schema are short.
    let head = u64::try_from(types.len() + 1).map_err(|_| CUT)?;
    let head = if head < 128 { varint_of(head) } else { varint_of(head + 1) };
    Ok([head, types, body].concat())
}

fn varint_of(number: u64) -> Vec<u8> {
    if number >> 56 != 0 {
        let mut bytes: Vec<u8> = (0..8).rev().map(|at| 0x80 | low(number >> (8 + 7 * at), 0x7f)).collect();
        bytes.push(low(number, 0xff));
        return bytes;
    }
    let mut bytes = vec![low(number, 0x7f)];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.push(0x80 | low(rest, 0x7f));
        rest >>= 7;
    }
    bytes.reverse();
    bytes
}

fn low(number: u64, mask: u8) -> u8 {
    u8::try_from(number & u64::from(mask)).unwrap_or_default()
}

impl Out {
    /// A new page.
    fn page(&mut self) -> u32 {
        self.bytes.resize(self.bytes.len() + self.size, 0);
        u32::try_from(self.bytes.len() / self.size).unwrap_or(u32::MAX)
    }

    fn at(&self, page: u32) -> usize {
        (page as usize - 1) * self.size
    }

    /// A record as a cell has it, what does not fit in pages of its own.
    fn cell(&mut self, row: Option<u64>, record: &[u8]) -> Vec<u8> {
        let mut cell = varint_of(record.len() as u64);
        cell.extend(row.into_iter().flat_map(varint_of));
        let here = local(self.usable, record.len(), row.is_some());
        cell.extend_from_slice(&record[..here]);
        let mut rest = &record[here..];
        if !rest.is_empty() {
            let mut page = self.page();
            cell.extend_from_slice(&page.to_be_bytes());
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.len().min(self.usable - 4));
                let at = self.at(page);
                let next = if after.is_empty() { 0 } else { self.page() };
                self.bytes[at..at + 4].copy_from_slice(&next.to_be_bytes());
                self.bytes[at + 4..at + 4 + part.len()].copy_from_slice(part);
                (page, rest) = (next, after);
            }
        }
        cell
    }

    /// Writes a page. The first one has the header of the database before it.
    fn write(&mut self, page: u32, kind: u8, cells: &[Vec<u8>], right: Option<u32>) {
        let (begin, header) = (self.at(page), if page == 1 { 100 } else { 0 });
        let mut end = self.usable;
        let mut pointers = header + if right.is_some() { 12 } else { 8 };
        for cell in cells {
            end -= cell.len();
            self.bytes[begin + end..begin + end + cell.len()].copy_from_slice(cell);
            self.bytes[begin + pointers..begin + pointers + 2].copy_from_slice(&short(end));
            pointers += 2;
        }
        let head = &mut self.bytes[begin + header..];
        head[0] = kind;
        head[3..5].copy_from_slice(&short(cells.len()));
        head[5..7].copy_from_slice(&short(end));
        if let Some(right) = right {
            head[8..12].copy_from_slice(&right.to_be_bytes());
        }
    }

    fn finish(mut self, old: &[u8]) -> Vec<u8> {
        let count = u32::try_from(self.bytes.len() / self.size).unwrap_or(u32::MAX);
        self.bytes[..100].copy_from_slice(&old[..100]);
        let mut set = |at: usize, value: u32| self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        set(28, count);
        // No free pages, and no map of pages.
        [32, 36, 52, 64].into_iter().for_each(|at| set(at, 0));
        let changes = u32::from_be_bytes([old[24], old[25], old[26], old[27]]).wrapping_add(1);
        [24, 92].into_iter().for_each(|at| set(at, changes));
        self.bytes
    }
}

/// 65536 is written as 0.
fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(0).to_be_bytes()
}

impl Growing<'_> {
    fn room(&self, is_leaf: bool, is_first: bool) -> usize {
        self.out.usable - if is_leaf { 8 } else { 12 } - if is_first { 100 } else { 0 }
    }

    fn add(&mut self, row: u64, record: &[u8]) {
        let cell = self.out.cell(self.is_table.then_some(row), record);
        if self.leaf.bytes + cell.len() + 2 > self.room(true, false) {
            self.flush();
        }
        self.leaf.push(cell);
        self.last = row;
    }

    /// Writes the leaf that is full. An index keeps what divides it from the next above it, a table only its number.
    fn flush(&mut self) {
        let mut leaf = std::mem::take(&mut self.leaf);
        let divider = if self.is_table { varint_of(self.last) } else { leaf.pop() };
        let page = self.out.page();
        self.out.write(page, LEAF[usize::from(self.is_table)], &leaf.cells, None);
        self.level.push((page, divider));
    }

    /// Writes what is left and returns the root, which is the first page when `first` says so.
    fn finish(mut self, first: Option<()>) -> u32 {
        let kind = usize::from(self.is_table);
        if self.level.is_empty() && self.leaf.bytes <= self.room(true, first.is_some()) {
            let page = first.map_or_else(|| self.out.page(), |()| 1);
            self.out.write(page, LEAF[kind], &self.leaf.cells, None);
            return page;
        }
        let page = self.out.page();
        self.out.write(page, LEAF[kind], &self.leaf.cells, None);
        self.level.push((page, Vec::new()));
        loop {
            let level = std::mem::take(&mut self.level);
            let (last, before) = level.split_last().map(|(last, before)| (last.0, before)).unwrap_or((0, &[]));
            let cells: Vec<Vec<u8>> =
                before.iter().map(|(page, divider)| [&page.to_be_bytes()[..], divider].concat()).collect();
            let bytes: usize = cells.iter().map(|cell| cell.len() + 2).sum();
            if bytes <= self.room(false, first.is_some()) {
                let page = first.map_or_else(|| self.out.page(), |()| 1);
                self.out.write(page, INTERIOR[kind], &cells, Some(last));
                return page;
            }
            let mut current = Page::default();
            for cell in cells {
                if current.bytes + cell.len() + 2 > self.room(false, false) {
                    self.interior(std::mem::take(&mut current));
                }
                current.push(cell);
            }
            let page = self.out.page();
            self.out.write(page, INTERIOR[kind], &current.cells, Some(last));
            self.level.push((page, Vec::new()));
        }
    }

    /// Writes a page whose last cell leads to its last child, and divides it from the next.
    fn interior(&mut self, mut full: Page) {
        let cell = full.pop();
        let (child, divider) = cell.split_at(4.min(cell.len()));
        let child = child.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let page = self.out.page();
        self.out.write(page, INTERIOR[usize::from(self.is_table)], &full.cells, Some(child));
        self.level.push((page, divider.to_vec()));
    }
}

impl Page {
    fn push(&mut self, cell: Vec<u8>) {
        self.bytes += cell.len() + 2;
        self.cells.push(cell);
    }

    fn pop(&mut self) -> Vec<u8> {
        let cell = self.cells.pop().unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(cell.len() + 2);
        cell
    }
}
