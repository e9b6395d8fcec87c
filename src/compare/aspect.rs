//! In what two files can differ.

use std::str::FromStr;

/// One thing in which two files can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// File, directory, link, device, pipe.
    Type,
    /// Permissions, with setuid, setgid and sticky.
    Mode,
    /// Numbers of user and group.
    Owner,
    /// Names of user and group, which only some consumers read.
    Names,
    /// Bytes.
    Size,
    /// Contents of as many bytes.
    Content,
    /// What a symbolic link leads to.
    Link,
    /// Which other names are the same file.
    HardLink,
    /// Extended attributes.
    Xattr,
    /// Numbers of a device.
    Device,
    /// The time of the last change.
    Mtime,
    /// PAX records that nothing here understands.
    Pax,
}

impl Aspect {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::Type,
        Self::Mode,
        Self::Owner,
        Self::Names,
        Self::Size,
        Self::Content,
        Self::Link,
        Self::HardLink,
        Self::Xattr,
        Self::Device,
        Self::Mtime,
        Self::Pax,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Names => "names",
            Self::Size => "size",
            Self::Content => "content",
            Self::Link => "link",
            Self::HardLink => "hard-link",
            Self::Xattr => "xattr",
            Self::Device => "device",
            Self::Mtime => "mtime",
            Self::Pax => "pax",
        }
    }
}

impl FromStr for Aspect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|aspect| aspect.name() == text);
        let names = || Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| format!("\"{text}\" is nothing in which files differ; there are: {}", names()))
    }
}

/// Some aspects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aspects(u16);

impl Aspects {
    /// Whether `aspect` is one of them.
    pub fn has(self, aspect: Aspect) -> bool {
        self.0 & (1 << aspect as u16) != 0
    }
}

impl FromIterator<Aspect> for Aspects {
    fn from_iter<I: IntoIterator<Item = Aspect>>(aspects: I) -> Self {
        Self(aspects.into_iter().fold(0, |bits, aspect| bits | 1 << aspect as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aspects_are_told_by_their_names() {
        for aspect in Aspect::ALL {
            assert_eq!(aspect.name().parse(), Ok(aspect));
            let one: Aspects = [aspect].into_iter().collect();
            assert!(Aspect::ALL.iter().all(|other| one.has(*other) == (*other == aspect)));
        }
        assert!("time".parse::<Aspect>().unwrap_err().contains("there are: type, mode"));
    }
}
