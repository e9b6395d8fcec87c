//! From the text of databases to packages.

use super::super::databases::Manager;
use super::super::rpm::{Header, NAME};
use super::{Need, Package};

/// Bytes of a field that is looked at, and needs of a package: far more than real ones have.
const MAX_FIELD: usize = 1 << 20;
const MAX_NEEDS: usize = 20_000;

fn package(manager: Manager) -> Package {
    Package {
        manager,
        name: Box::default(),
        architecture: Box::default(),
        version: Box::default(),
        needs: Vec::new(),
        wishes: Vec::new(),
        provides: Vec::new(),
        files: Vec::new(),
        is_listed: false,
    }
}

/// The paragraphs of a file of dpkg, as they stand, each with what ends it.
pub(crate) fn paragraphs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let begin = rest.iter().position(|byte| *byte != b'\n')?;
        rest = &rest[begin..];
        let end = rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |at| at + 2);
        let (paragraph, after) = rest.split_at(end);
        rest = after;
        Some(paragraph)
    })
}

/// The value of a field of a paragraph, lines that go on included.
pub(crate) fn field<'p>(paragraph: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let mut at = 0;
    while at < paragraph.len() {
        let line = &paragraph[at..];
        let is_it = line.len() > name.len()
            && line[name.len()] == b':'
            && line[..name.len()].eq_ignore_ascii_case(name.as_bytes());
        let mut end = end_of_line(line);
        while line.get(end).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            end += end_of_line(&line[end..]);
        }
        if is_it {
            return Some(line[name.len() + 1..end].trim_ascii());
        }
        at += end;
    }
    None
}

fn end_of_line(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1)
}

/// Whether dpkg has unpacked the package of a paragraph, so that its files are there.
pub(crate) fn is_there(paragraph: &[u8]) -> bool {
    let state = field(paragraph, "Status").and_then(|status| status.split(u8::is_ascii_whitespace).nth(2));
    !matches!(state, Some(b"not-installed" | b"config-files"))
}

/// The packages of `status`, or the one of a file in `status.d`.
pub(super) fn dpkg(packages: &mut Vec<Package>, text: &[u8]) {
    for paragraph in paragraphs(text).filter(|paragraph| is_there(paragraph)) {
        let value = |name: &str| field(paragraph, name).map(|value| &value[..value.len().min(MAX_FIELD)]);
        let Some(name) = value("Package") else { continue };
        let relations = |name: &str| value(name).map(relations).unwrap_or_default();
        let mut needs = relations("Pre-Depends");
        needs.extend(relations("Depends"));
        packages.push(Package {
            name: name.into(),
            architecture: value("Architecture").unwrap_or_default().into(),
            version: value("Version").unwrap_or_default().into(),
            needs,
            wishes: relations("Recommends"),
            provides: relations("Provides").into_iter().flatten().collect(),
            ..package(Manager::Dpkg)
        });
    }
}

/// `a (>= 1) | b:any, c [amd64]`: names alone.
fn relations(text: &[u8]) -> Vec<Need> {
    let name = |one: &[u8]| -> Option<Box<[u8]>> {
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"([<:".contains(byte);
        let name = one.trim_ascii().split(is_end).next()?;
        (!name.is_empty()).then(|| name.into())
    };
    let need = |one: &[u8]| -> Need { one.split(|byte| *byte == b'|').filter_map(name).collect() };
    let needs = text.split(|byte| *byte == b',').take(MAX_NEEDS).map(need);
    needs.filter(|need: &Need| !need.is_empty()).collect()
}

/// `so:libc.musl-x86_64.so.1`, `a>=1`, `!b`: names alone.
fn words(text: &[u8]) -> impl Iterator<Item = Box<[u8]>> + '_ {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty() && !word.starts_with(b"!"));
    let name = |word: &[u8]| word.split(|byte| b"<>=~@".contains(byte)).next().map(Box::from);
    words.take(MAX_NEEDS).filter_map(name)
}

/// The packages of `installed`.
pub(super) fn apk(packages: &mut Vec<Package>, text: &[u8]) {
    for paragraph in paragraphs(text) {
        let mut found = package(Manager::Apk);
        for line in paragraph.split(|byte| *byte == b'\n') {
            let Some((kind, value)) = line.split_at_checked(2) else { continue };
            match kind {
                b"P:" => found.name = value.into(),
                b"V:" => found.version = value.into(),
                b"A:" => found.architecture = value.into(),
                b"D:" => found.needs = words(value).map(|name| vec![name]).collect(),
                b"p:" => found.provides = words(value).collect(),
                // Files follow.
                b"F:" => break,
                _ => {}
            }
        }
        if !found.name.is_empty() {
            packages.push(found);
        }
    }
}

/// The package of a `desc`.
pub(super) fn pacman(packages: &mut Vec<Package>, text: &[u8]) {
    let mut found = package(Manager::Pacman);
    let mut section: &[u8] = b"";
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match section {
            _ if line.starts_with(b"%") => section = line,
            b"%NAME%" => found.name = line.into(),
            b"%VERSION%" => found.version = line.into(),
            b"%ARCH%" => found.architecture = line.into(),
            b"%DEPENDS%" => found.needs.extend(words(line).map(|name| vec![name])),
            b"%PROVIDES%" => found.provides.extend(words(line)),
            _ => {}
        }
    }
    if !found.name.is_empty() {
        packages.push(found);
    }
}

const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const ARCHITECTURE: u32 = 1022;
const PROVIDES: u32 = 1047;
const REQUIRE_FLAGS: u32 = 1048;
const REQUIRES: u32 = 1049;
const RECOMMENDS: u32 = 5046;
/// Of the flags of what is required: what it is required for when it is for scriptlets.
const FOR_SCRIPTS: u32 = 1 << 6 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 5 | 1 << 7;
/// Rpm's own features.
const RPMLIB: u32 = 1 << 24;
/// What no scriptlet needs but libraries and programs: found in files.
const FOUND: u32 = 1 << 14;

/// The package of a header.
pub(super) fn rpm(header: &Header<'_>) -> Result<Package, &'static str> {
    let first = |tag| header.strings(tag).next().unwrap_or_default();
    let flags: Vec<u32> = header.numbers(REQUIRE_FLAGS).take(MAX_NEEDS).collect();
    let requires = header.strings(REQUIRES).enumerate().take(MAX_NEEDS);
    let is_need = |at: usize| {
        flags.get(at).is_none_or(|flags| flags & RPMLIB == 0 && (flags & FOR_SCRIPTS == 0 || flags & FOUND != 0))
    };
    // A rich one, such as (a if b) or (a or b), needs no more than all that it names.
    let names = |text: &[u8]| -> Vec<Need> {
        if !text.starts_with(b"(") {
            return vec![vec![text.into()]];
        }
        let words = text.split(|byte| b"() ".contains(byte));
        words.filter(|word| !word.is_empty()).map(|word| vec![word.into()]).collect()
    };
    let name = first(NAME);
    if name.is_empty() {
        return Err("a package has no name");
    }
    Ok(Package {
        name: name.into(),
        architecture: first(ARCHITECTURE).into(),
        version: [first(VERSION), b"-", first(RELEASE)].concat().into(),
        needs: requires.filter(|(at, _)| is_need(*at)).flat_map(|(_, text)| names(text)).collect(),
        wishes: header.strings(RECOMMENDS).flat_map(names).collect(),
        provides: header.strings(PROVIDES).map(Box::from).collect(),
        ..package(Manager::Rpm)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(needs: &[Need]) -> Vec<String> {
        let text = |need: &Need| need.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join("|");
        needs.iter().map(text).collect()
    }

    #[test]
    fn dpkg_says_what_a_package_needs_with_alternatives_architectures_and_lines_that_go_on() {
        let status = b"Package: a\nStatus: install ok installed\nArchitecture: amd64\nDepends: b (>= 1) | c:any,\n d [amd64]\n\
            Pre-Depends: e\nRecommends: f\nProvides: g (= 1), h\nVersion: 1:2\n\nPackage: gone\nStatus: deinstall ok config-files\n\n\
            Package: held\nStatus: hold ok unpacked\n";
        let mut packages = Vec::new();
        dpkg(&mut packages, status);
        assert_eq!(packages.len(), 2);
        assert_eq!(texts(&packages[0].needs), ["e", "b|c", "d"]);
        assert_eq!(texts(&packages[0].wishes), ["f"]);
        assert_eq!(texts(&packages[0].provides.iter().map(|name| vec![name.clone()]).collect::<Vec<_>>()), ["g", "h"]);
        assert_eq!(*packages[1].name, *b"held");
    }

    #[test]
    fn apk_says_it_in_one_line_each() {
        let installed = b"P:a\nV:1-r0\nA:x86_64\nD:so:libc.musl-x86_64.so.1 b>=1 !c /bin/sh\np:so:liba.so.1=1 cmd:a=1\nF:usr\nR:D:x\n\n";
        let mut packages = Vec::new();
        apk(&mut packages, installed);
        assert_eq!(texts(&packages[0].needs), ["so:libc.musl-x86_64.so.1", "b", "/bin/sh"]);
        assert_eq!(packages[0].provides.len(), 2);
    }

    #[test]
    fn pacman_says_it_in_sections() {
        let mut packages = Vec::new();
        pacman(&mut packages, b"%NAME%\na\n\n%DEPENDS%\nglibc\nb>=2\n\n%PROVIDES%\nlibx.so=1-64\n");
        assert_eq!(texts(&packages[0].needs), ["glibc", "b"]);
    }
}
