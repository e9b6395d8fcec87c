//! What the loader finds in an ELF file: the program that loads it, the libraries it needs, and where it looks for
//! them. Pure, bounded, and safe on any bytes.
//!
//! Ours rather than the crate `object`: files are read as they go by, so all that is kept of a large one are its
//! beginning and its end, and every offset may lead to what is not there. Six tags of one table are all that is asked
//! for.
//!
//! Format: System V ABI, chapters 4 and 5; `elf(5)`; `.note.dlopen`: systemd, docs/ELF_DLOPEN_METADATA.md.

/// What the loader reads of an ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    /// For which machines: class, byte order, and the number of the architecture.
    pub machine: Machine,
    /// What loads it (`PT_INTERP`); a static program and most libraries name nothing.
    pub loader: Option<Box<[u8]>>,
    /// The libraries it needs (`DT_NEEDED`), in order.
    pub needed: Vec<Box<[u8]>>,
    /// Where it and what it loads look first (`DT_RPATH`).
    pub rpath: Box<[u8]>,
    /// Where it looks (`DT_RUNPATH`).
    pub runpath: Box<[u8]>,
    /// What it says it may open by name, in a note of JSON.
    pub notes: Vec<Box<[u8]>>,
    /// Whether it imports `dlopen`.
    pub opens: bool,
    /// What is wrong with it, so that something of it is not known.
    pub problem: Option<&'static str>,
}

impl Elf {
    /// About how many bytes this takes up.
    pub fn weight(&self) -> usize {
        let texts = self.needed.iter().chain(&self.notes).chain(&self.loader).chain([&self.rpath, &self.runpath]);
        texts.fold(size_of::<Self>(), |sum, text| sum + text.len() + size_of::<Box<[u8]>>())
    }
}

/// What has to be equal for one ELF file to be loaded by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// 1 for 32 bits, 2 for 64.
    pub class: u8,
    /// 1 for little endian, 2 for big.
    pub order: u8,
    /// `e_machine`.
    pub number: u16,
}

/// The first bytes of every ELF file.
pub const MAGIC: &[u8] = b"\x7fELF";

/// Program headers, dynamic entries and libraries that are looked at; real files have some dozens.
const MAX_HEADERS: u64 = 1024;
const MAX_DYNAMIC: u64 = 8192;
const MAX_NEEDED: usize = 2048;
/// Bytes of a path, a list of paths and a note.
const MAX_TEXT: u64 = 4096;
const MAX_NOTE: u64 = 1 << 16;

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERP: u32 = 3;
const NOTE: u32 = 4;
const DLOPEN_NOTE: u32 = 0x407c_0c0a;

/// Bytes of a file, some of which may be missing in the middle.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'b> {
    /// The first ones.
    pub head: &'b [u8],
    /// The last ones, and where they begin.
    pub tail: (&'b [u8], u64),
}

impl<'b> Bytes<'b> {
    fn get(&self, at: u64, len: u64) -> Option<&'b [u8]> {
        let part = |bytes: &'b [u8], at: u64| {
            let at = usize::try_from(at).ok()?;
            bytes.get(at..at.checked_add(usize::try_from(len).ok()?)?)
        };
        part(self.head, at).or_else(|| part(self.tail.0, at.checked_sub(self.tail.1)?))
    }

    /// From `at` to the first NUL, which has to come within `limit` bytes.
    fn text(&self, at: u64, limit: u64) -> Option<&'b [u8]> {
        let part = |bytes: &'b [u8], at: u64| {
            let rest = bytes.get(usize::try_from(at).ok()?..)?;
            let rest = &rest[..rest.len().min(usize::try_from(limit).ok()?)];
            rest.iter().position(|byte| *byte == 0).map(|end| &rest[..end])
        };
        part(self.head, at).or_else(|| part(self.tail.0, at.checked_sub(self.tail.1)?))
    }
}

/// Reads numbers as the file writes them.
#[derive(Clone, Copy)]
struct Reader<'b> {
    bytes: Bytes<'b>,
    machine: Machine,
}

/// A program header.
#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

const GONE: &str = "its headers lead beyond its end";

/// What an ELF file says; `None` when it is none.
pub fn parse(bytes: Bytes<'_>) -> Option<Elf> {
    let ident = bytes.get(0, 20).filter(|ident| ident.starts_with(MAGIC))?;
    let mut machine = Machine { class: ident[4], order: ident[5], number: 0 };
    if !matches!((machine.class, machine.order), (1 | 2, 1 | 2)) {
        return None;
    }
    let reader = Reader { bytes, machine };
    machine.number = reader.half(18)?;
    let mut elf = Elf { machine, ..Elf::default() };
    if let Err(problem) = (Reader { bytes, machine }).read(&mut elf) {
        elf.problem = Some(problem);
    }
    Some(elf)
}

impl<'b> Reader<'b> {
    fn number(&self, at: u64, len: u64) -> Option<u64> {
        let bytes = self.bytes.get(at, len)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.machine.order == 1 { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    fn half(&self, at: u64) -> Option<u16> {
        self.number(at, 2).and_then(|number| u16::try_from(number).ok())
    }

    fn word(&self, at: u64) -> Option<u32> {
        self.number(at, 4).and_then(|number| u32::try_from(number).ok())
    }

    /// A number as wide as an address.
    fn wide(&self, at: u64) -> Option<u64> {
        self.number(at, if self.is_64() { 8 } else { 4 })
    }

    fn is_64(&self) -> bool {
        self.machine.class == 2
    }

    fn segment(&self, at: u64) -> Option<Segment> {
        let kind = self.word(at)?;
        let [offset, address, size] = if self.is_64() { [8, 16, 32] } else { [4, 8, 16] };
        let at = |field: u64| self.wide(at.checked_add(field)?);
        Some(Segment { kind, offset: at(offset)?, address: at(address)?, size: at(size)? })
    }

    fn read(&self, elf: &mut Elf) -> Result<(), &'static str> {
        let (table, size, count) = if self.is_64() { (32, 54, 56) } else { (28, 42, 44) };
        let table = self.wide(table).ok_or(GONE)?;
        let (size, count) = (self.half(size).ok_or(GONE)?, self.half(count).ok_or(GONE)?);
        let (size, count) = (u64::from(size), u64::from(count));
        if count > 0 && size < if self.is_64() { 56 } else { 32 } {
            return Err("its program headers have no valid size");
        }
        let mut segments = Vec::new();
        for at in 0..count.min(MAX_HEADERS) {
            let place = at.checked_mul(size).and_then(|at| at.checked_add(table)).ok_or(GONE)?;
            segments.push(self.segment(place).ok_or(GONE)?);
        }
        let mut problem = if count > MAX_HEADERS { Err("it has too many program headers") } else { Ok(()) };
        for segment in &segments {
            let read = match segment.kind {
                INTERP => self.interp(*segment, elf),
                NOTE => self.notes(*segment, elf),
                DYNAMIC => self.dynamic(*segment, &segments, elf),
                _ => Ok(()),
            };
            problem = problem.and(read);
        }
        problem
    }

    fn interp(&self, segment: Segment, elf: &mut Elf) -> Result<(), &'static str> {
        let path = self.bytes.text(segment.offset, segment.size.min(MAX_TEXT)).ok_or(GONE)?;
        elf.loader = Some(path.into());
        Ok(())
    }

    fn notes(&self, segment: Segment, elf: &mut Elf) -> Result<(), &'static str> {
        let end = segment.offset.checked_add(segment.size.min(MAX_NOTE)).ok_or(GONE)?;
        let mut at = segment.offset;
        while at.checked_add(12).is_some_and(|header| header <= end) && elf.notes.len() < 64 {
            let field = |field: u64| self.word(at + field).ok_or(GONE);
            let (name, size, kind) = (u64::from(field(0)?), u64::from(field(4)?), field(8)?);
            let contents = at + 12 + name.next_multiple_of(4);
            if kind == DLOPEN_NOTE && size <= MAX_TEXT {
                elf.notes.extend(self.bytes.get(contents, size).map(|note| note.trim_ascii_end().into()));
            }
            at = contents.saturating_add(size.next_multiple_of(4));
        }
        Ok(())
    }

    fn dynamic(&self, segment: Segment, segments: &[Segment], elf: &mut Elf) -> Result<(), &'static str> {
        const NEEDED: u64 = 1;
        const STRINGS: u64 = 5;
        const STRINGS_SIZE: u64 = 10;
        const RPATH: u64 = 15;
        const RUNPATH: u64 = 29;
        let width = if self.is_64() { 8 } else { 4 };
        let (mut strings, mut size) = (None, 0);
        let (mut needed, mut paths) = (Vec::new(), Vec::new());
        for entry in 0..(segment.size / (2 * width)).min(MAX_DYNAMIC) {
            let at = segment.offset.checked_add(entry * 2 * width).ok_or(GONE)?;
            let (tag, value) = (self.wide(at).ok_or(GONE)?, self.wide(at + width).ok_or(GONE)?);
            match tag {
                0 => break,
                NEEDED if needed.len() < MAX_NEEDED => needed.push(value),
                NEEDED => return Err("it needs too many libraries"),
                STRINGS => strings = Some(value),
                STRINGS_SIZE => size = value,
                RPATH | RUNPATH => paths.push((tag, value)),
                _ => {}
            }
        }
        let Some(address) = strings else { return Ok(()) };
        // The table is given by its address in memory.
        let is_in = |load: &&Segment| {
            load.kind == LOAD && address.checked_sub(load.address).is_some_and(|within| within < load.size)
        };
        let load = segments.iter().find(is_in).ok_or(GONE)?;
        let begin = (address - load.address).checked_add(load.offset).ok_or(GONE)?;
        let text = |at: u64| self.bytes.text(begin.checked_add(at)?, MAX_TEXT);
        for at in needed {
            elf.needed.push(text(at).ok_or(GONE)?.into());
        }
        for (tag, at) in paths {
            let path = text(at).ok_or(GONE)?.into();
            if tag == RPATH { elf.rpath = path } else { elf.runpath = path }
        }
        elf.opens = self.has_name(begin, size);
        Ok(())
    }

    /// Whether `dlopen` is among the names of the string table.
    fn has_name(&self, begin: u64, size: u64) -> bool {
        const NAME: &[u8] = b"\0dlopen\0";
        let within = |bytes: &[u8], at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let end = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(bytes.len());
            memchr::memmem::find(&bytes[at..end], NAME).is_some()
        };
        within(self.bytes.head, begin)
            || begin.checked_sub(self.bytes.tail.1).is_some_and(|at| within(self.bytes.tail.0, at))
    }
}
