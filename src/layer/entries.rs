//! Entries of one layer on their way into its difference: what their names and types mean.
//!
//! # Decisions
//! - A whiteout is known by its name, whatever its type (image-spec, layer.md). `.wh.` and `.wh...` name nothing that
//!   could be removed and are an error, as in umoci: a tool that took the first for its directory wiped it
//!   (anchore/stereoscope#647).
//! - Anything else that begins with `.wh..wh.` is metadata of AUFS, and what lies below a directory called `.wh.x` is
//!   below a whiteout: both are dropped.
//! - Overlay's own marks, a character device 0:0 and `trusted.overlay.opaque`, are honoured as docker and podman do
//!   (containerd only honours the first), and reported.

use std::sync::Arc;

use super::index::{EntrySpan, IndexError, LayerIndex, Note};
use crate::budget::Held;
use crate::tar::Member;
use crate::tree::{Fate, Kind, LayerBuilder, LayerDiff, TreePath};

/// The entries of one layer, on their way into its diff.
pub(super) struct Entries {
    builder: LayerBuilder,
    spans: Vec<EntrySpan>,
    estargz: bool,
    /// The memory they take up.
    held: Held,
    /// What was counted for whiteouts.
    whiteouts: u64,
    overlay_whiteouts: u64,
    overlay_opaque: u64,
    landmarks: u64,
    other_times: bool,
}

/// What a path means by its name alone.
enum Meaning {
    File,
    Whiteout(TreePath),
    Opaque(TreePath),
    Nothing,
}

impl Entries {
    pub(super) fn new(estargz: bool, held: Held) -> Self {
        let builder = LayerBuilder::new();
        let (overlay_whiteouts, overlay_opaque, landmarks) = (0, 0, 0);
        let (spans, other_times, whiteouts) = (Vec::new(), false, 0);
        Self { builder, spans, estargz, held, whiteouts, overlay_whiteouts, overlay_opaque, landmarks, other_times }
    }

    /// What the layer says, and `index` with what was found of its entries.
    pub(super) fn finish(mut self, index: LayerIndex) -> Result<(LayerIndex, LayerDiff), IndexError> {
        let before = self.builder.weight();
        let (diff, fates) = self.builder.finish()?;
        self.held.add((diff.weight() - before).saturating_sub(self.whiteouts))?;
        let held = Some(self.held);
        let notes = [
            (self.overlay_whiteouts, Note::OverlayWhiteouts as fn(u64) -> Note),
            (self.overlay_opaque, Note::OverlayOpaque),
            (self.landmarks, Note::Estargz),
        ];
        let notes = notes.iter().filter(|(count, _)| *count > 0).map(|(count, note)| note(*count)).collect();
        let other_times = self.other_times;
        Ok((LayerIndex { entries: self.spans, fates, notes, other_times, held, ..index }, diff))
    }

    /// How many there are so far.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn enter(&mut self, member: &Member, fingerprint: u64) -> Result<(), IndexError> {
        self.charge(member)?;
        self.other_times |= member.other_times;
        let path = parse(&member.name)?;
        let header = u32::try_from(member.data - member.start).unwrap_or(u32::MAX);
        self.spans.push(EntrySpan { start: member.start, stored: member.stored, header });
        let before = self.builder.weight();
        match meaning(&path)? {
            Meaning::Whiteout(gone) => {
                self.charge_whiteout(&path)?;
                self.builder.whiteout(gone);
            }
            Meaning::Opaque(directory) => {
                self.charge_whiteout(&path)?;
                self.builder.opaque(directory, true);
            }
            Meaning::Nothing => _ = self.builder.next_entry(Fate::Ignored),
            Meaning::File if self.estargz && is_landmark(&path) => {
                self.landmarks += 1;
                self.builder.next_entry(Fate::Ignored);
            }
            Meaning::File => self.put(member, &path, fingerprint)?,
        }
        // Only what is new: files of a deep directory share what it costs.
        Ok(self.held.add((self.builder.weight() - before).max(ENTRY))?)
    }

    fn put(&mut self, member: &Member, path: &TreePath, fingerprint: u64) -> Result<(), IndexError> {
        let (major, minor) = member.device;
        let mut meta = member.meta.clone();
        let links = member.typeflag == b'1';
        let is_clean = is_clean(&member.name, member.typeflag == b'5') && (!links || is_clean(&member.link, false));
        let mut plain = is_clean && !member.names_differ;
        let kind = match member.typeflag {
            b'1' => return Ok(self.builder.put_link(path, &parse(&member.link)?, meta, plain)?),
            b'2' => Kind::Symlink(member.link.as_slice().into()),
            b'3' if (major, minor) == (0, 0) => {
                self.overlay_whiteouts += 1;
                self.charge_whiteout(path)?;
                self.builder.whiteout(path.clone());
                return Ok(());
            }
            b'3' => Kind::CharDevice { major, minor },
            b'4' => Kind::BlockDevice { major, minor },
            b'5' => {
                const OPAQUE: &[u8] = b"trusted.overlay.opaque";
                if meta.extra.xattrs.iter().any(|(name, value)| &**name == OPAQUE && &**value == b"y") {
                    self.overlay_opaque += 1;
                    // It is no longer what others have.
                    self.held.add(meta.extra.weight())?;
                    self.charge_whiteout(path)?;
                    self.builder.opaque(path.clone(), false);
                    Arc::make_mut(&mut meta.extra).xattrs.retain(|(name, _)| &**name != OPAQUE);
                    plain = false;
                }
                Kind::Directory
            }
            b'6' => Kind::Fifo,
            _ => Kind::File { size: member.size, fingerprint },
        };
        Ok(self.builder.put(path, kind, meta, plain)?)
    }

    /// Counts what the texts of an entry cost in memory, before any of them is held.
    fn charge(&mut self, member: &Member) -> Result<(), IndexError> {
        let extra = &member.meta.extra;
        // One that an earlier entry has too costs nothing more.
        let attributes = if Arc::strong_count(extra) > 2 { 0 } else { extra.weight() };
        Ok(self.held.add(attributes + member.link.len() as u64)?)
    }

    /// Counts what a whiteout may cost, all of whose directories may be new. They are made when all entries are known.
    fn charge_whiteout(&mut self, path: &TreePath) -> Result<(), IndexError> {
        let cost = path.as_bytes().len() as u64 + ENTRY * path.components().count().max(1) as u64;
        self.whiteouts += cost;
        Ok(self.held.add(cost)?)
    }
}

/// Bytes of memory that an entry takes up at least, and a directory that it implies.
const ENTRY: u64 = 200;

fn parse(name: &[u8]) -> Result<TreePath, IndexError> {
    TreePath::parse(name).map_err(|problem| {
        let shown = &name[..name.len().min(200)];
        IndexError::Path { name: shown.escape_ascii().to_string(), problem }
    })
}

/// Whether a name can go out as it is spelled: relative, with `./` before it at most, and behind it a slash if it is a
/// directory's. Some readers clean others as we do, others refuse them as unsafe.
fn is_clean(name: &[u8], is_directory: bool) -> bool {
    let relative = name.strip_prefix(b"./").unwrap_or(name);
    let bare = if is_directory { relative.strip_suffix(b"/").unwrap_or(relative) } else { relative };
    let is_root = matches!(name, b"." | b"./");
    is_root || bare.split(|byte| *byte == b'/').all(|component| !matches!(component, b"" | b"." | b".."))
}

fn meaning(path: &TreePath) -> Result<Meaning, IndexError> {
    const MARK: &[u8] = b".wh.";
    let Some((directory, name)) = path.split_last() else { return Ok(Meaning::File) };
    if directory.components().any(|component| component.starts_with(MARK)) {
        return Ok(Meaning::Nothing);
    }
    let Some(hidden) = name.strip_prefix(MARK) else { return Ok(Meaning::File) };
    match hidden {
        b"" | b"." | b".." => Err(IndexError::EmptyWhiteout(path.clone())),
        b".wh..opq" => Ok(Meaning::Opaque(directory)),
        _ if hidden.starts_with(MARK) => Ok(Meaning::Nothing),
        _ => Ok(Meaning::Whiteout(directory.join(hidden))),
    }
}

/// The files that eStargz adds to a layer:
/// <https://github.com/containerd/stargz-snapshotter/blob/main/docs/estargz.md>.
fn is_landmark(path: &TreePath) -> bool {
    matches!(path.as_bytes(), b"stargz.index.json" | b".prefetch.landmark" | b".no.prefetch.landmark")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_that_some_readers_refuse_are_not_clean() {
        for name in ["a", "a/b", "./a", "..a/b..", ".a", ".", "./"] {
            assert!(is_clean(name.as_bytes(), false), "{name}");
        }
        for name in
            ["/", "/a", "//a", "./", "a//b", "../a", "a/../b", "a/..", "./../a", "././a", "a/./b", "a/", "a//", ""]
        {
            assert_eq!(is_clean(name.as_bytes(), false), name == "./", "{name}");
        }
        assert!(is_clean(b"a/", true) && is_clean(b"./a/b/", true) && is_clean(b"a", true) && is_clean(b"./", true));
        assert!(!is_clean(b"a//", true) && !is_clean(b"/a/", true) && !is_clean(b"/", true));
    }

    #[test]
    fn names_with_the_whiteout_mark_are_told_apart() {
        let is = |text: &str| match meaning(&path(text)) {
            Ok(Meaning::File) => "file".to_owned(),
            Ok(Meaning::Whiteout(gone)) => format!("gone {gone}"),
            Ok(Meaning::Opaque(directory)) => format!("opaque {directory}"),
            Ok(Meaning::Nothing) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        for (text, expected) in [
            ("d/.wh.x", "gone d/x"),
            (".wh.x", "gone x"),
            ("d/.wh..wh..opq", "opaque d"),
            (".wh..wh..opq", "opaque /"),
            (".wh..wh.plnk", "nothing"),
            (".wh..wh.plnk/1.2", "nothing"),
            (".wh.x/child", "nothing"),
            ("x.wh.y", "file"),
            (".whatever", "file"),
            ("d/.wh..hidden", "gone d/.hidden"),
            ("d/.wh.", "entry \"d/.wh.\" is a whiteout that names nothing"),
            (".wh...", "entry \".wh...\" is a whiteout that names nothing"),
        ] {
            assert_eq!(is(text), expected, "{text}");
        }
    }
}
