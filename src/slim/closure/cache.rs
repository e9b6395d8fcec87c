//! `ld.so.cache`: what it says, and the same without what is gone. Pure, bounded, and safe on any bytes.
//!
//! Format since glibc 2.2 (elf/dl-cache.h): a header of 48 bytes, 24 for each library, and texts; every offset counts
//! from the header. Entries are sorted, texts may end in others, and what comes behind them has offsets too: so what is
//! gone is cut out of the entries and blotted out of the texts, and nothing moves.

use std::collections::HashMap;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// Where the header says how many libraries there are, and in which order numbers are written.
const COUNT: usize = 20;
const ORDER: usize = 28;
const BIG: u8 = 3;
/// Libraries that are looked at; real caches have some thousands.
const MAX_CACHED: usize = 1 << 17;
const MAX_TEXT: usize = 4096;

struct Cache<'c> {
    bytes: &'c [u8],
    count: usize,
    is_big: bool,
}

impl<'c> Cache<'c> {
    fn new(bytes: &'c [u8]) -> Option<Self> {
        let mut cache = Self { bytes, count: 0, is_big: bytes.get(ORDER)? & 3 == BIG };
        let there = bytes.len().checked_sub(HEADER)? / ENTRY;
        cache.count = cache.word(COUNT)?.min(there).min(MAX_CACHED);
        Some(cache)
    }

    fn word(&self, at: usize) -> Option<usize> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(if self.is_big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }).ok()
    }

    fn text(&self, at: usize) -> Option<&'c [u8]> {
        let rest = self.bytes.get(at..)?;
        rest[..rest.len().min(MAX_TEXT)].split(|byte| *byte == 0).next()
    }

    /// Where the name and the path of a library are.
    fn entry(&self, at: usize) -> Option<(usize, usize)> {
        let entry = HEADER + ENTRY * at;
        self.word(entry + 4).zip(self.word(entry + 8))
    }
}

/// Where the cache begins: an older one may be before it.
fn begin(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, MAGIC)
}

/// The paths of each library, by its name.
pub(super) fn libraries(bytes: &[u8]) -> HashMap<Box<[u8]>, Vec<Box<[u8]>>> {
    let mut libraries: HashMap<Box<[u8]>, Vec<Box<[u8]>>> = HashMap::new();
    let Some(cache) = begin(bytes).and_then(|begin| Cache::new(&bytes[begin..])) else { return libraries };
    // Texts may overlap, so a crafted cache could say much more than it has.
    let mut left = bytes.len();
    for (name, path) in (0..cache.count).filter_map(|at| cache.entry(at)) {
        let Some((name, path)) = cache.text(name).zip(cache.text(path)) else { break };
        left = match left.checked_sub(name.len() + path.len()) {
            Some(left) => left,
            None => break,
        };
        let known = libraries.entry(name.into()).or_default();
        if known.len() < 16 && path.starts_with(b"/") {
            known.push(path.into());
        }
    }
    libraries
}

/// The same cache without libraries whose path does not stay; `None` when all do, or when it cannot be told.
pub(super) fn without(bytes: &[u8], stays: &dyn Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let begin = begin(bytes)?;
    let cache = Cache::new(&bytes[begin..])?;
    if cache.word(COUNT) != Some(cache.count) {
        return None;
    }
    let (mut kept, mut gone): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for at in 0..cache.count {
        let path = cache.text(cache.entry(at)?.1)?;
        if stays(path) { kept.push(at) } else { gone.push(at) }
    }
    if gone.is_empty() {
        return None;
    }
    let mut new = bytes.to_vec();
    let part = &mut new[begin..];
    let end = HEADER + ENTRY * cache.count;
    // Blot out what only entries that are gone say.
    let mut is_said = vec![false; part.len()];
    let mut mark = |list: &[usize], value: bool| -> Option<()> {
        for at in list {
            let (name, path) = cache.entry(*at)?;
            for text in [name, path].into_iter().filter(|text| *text >= end) {
                let len = cache.text(text)?.len();
                is_said[text..text + len].fill(value);
            }
        }
        Some(())
    };
    mark(&gone, true)?;
    mark(&kept, false)?;
    for (byte, is_gone) in part.iter_mut().zip(&is_said) {
        if *is_gone {
            *byte = 0;
        }
    }
    for (to, from) in kept.iter().enumerate() {
        let from = HEADER + ENTRY * from;
        part.copy_within(from..from + ENTRY, HEADER + ENTRY * to);
    }
    part[HEADER + ENTRY * kept.len()..end].fill(0);
    let count = u32::try_from(kept.len()).ok()?;
    part[COUNT..COUNT + 4].copy_from_slice(&if cache.is_big { count.to_be_bytes() } else { count.to_le_bytes() });
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of names and paths, in which texts are shared as glibc does.
    fn cache(libraries: &[(&str, &str)]) -> Vec<u8> {
        let begin = HEADER + ENTRY * libraries.len();
        let (mut entries, mut texts) = (Vec::new(), Vec::new());
        let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        for (name, path) in libraries {
            let at = begin + texts.len();
            let name_at = at + path.rfind(name).unwrap();
            texts.extend_from_slice(path.as_bytes());
            texts.push(0);
            entries.extend([word(1), word(name_at), word(at), word(0), word(0), word(0)].concat());
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend([word(libraries.len()), word(texts.len()), word(2)].concat());
        bytes.resize(HEADER, 0);
        [bytes, entries, texts].concat()
    }

    #[test]
    fn what_is_gone_is_not_in_the_cache_and_nothing_else_changes() {
        let all =
            [("libb.so.1", "/usr/lib/libb.so.1"), ("liba.so.2", "/opt/liba.so.2"), ("liba.so.2", "/lib/liba.so.2")];
        let bytes = cache(&all);
        assert_eq!(without(&bytes, &|_| true), None);
        let new = without(&bytes, &|path| path != b"/opt/liba.so.2").unwrap();
        assert_eq!(new.len(), bytes.len());
        let found = libraries(&new);
        assert_eq!(found.len(), 2);
        assert_eq!(*found[&b"liba.so.2"[..]], [Box::from(&b"/lib/liba.so.2"[..])]);
        assert!(memchr::memmem::find(&new, b"/opt").is_none());
        assert!(libraries(&without(&bytes, &|_| false).unwrap()).is_empty());
    }

    #[test]
    fn bytes_that_lie_are_no_cache_or_a_part_of_one() {
        let bytes = cache(&[("libb.so.1", "/usr/lib/libb.so.1"), ("liba.so.2", "/lib/liba.so.2")]);
        for at in 0..bytes.len() {
            let _ = (libraries(&bytes[..at]), without(&bytes[..at], &|_| false));
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = (libraries(&bytes), without(&bytes, &|path| path.len() % 2 == 0));
            }
        }
    }
}
