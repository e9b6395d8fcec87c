//! Which names are names of secrets: `DB_PASSWORD`, `apiToken`, `clientsecret`, and not `PASSWORD_FILE` or `publicKey`.

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Means {
    /// Something that a machine makes.
    Made,
    /// Something that a person may have chosen.
    Chosen,
}

/// Some words in a row. A word that began with `*` is one that ends so.
#[derive(Clone, Debug)]
pub(super) struct Phrase(Vec<(bool, String)>);

/// The names of secrets, as the file of rules has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) chosen: Vec<Phrase>,
    pub(super) made: Vec<Phrase>,
    /// These are none, though they look like it.
    pub(super) not: Vec<Phrase>,
    /// With one of these before, it is no secret.
    pub(super) not_after: Vec<Phrase>,
    /// With one of these behind, it is something about a secret.
    pub(super) not_before: Vec<Phrase>,
}

/// Words that a name may have.
const MAX_WORDS: usize = 12;
/// Bytes that a name may have.
pub(super) const MAX_NAME: usize = 80;

impl Phrase {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words = text.split(' ').map(|word| match word.strip_prefix('*') {
            Some(end) => (true, end.to_owned()),
            None => (false, word.to_owned()),
        });
        let words: Vec<_> = words.collect();
        let is_fine =
            words.iter().all(|(_, word)| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        is_fine.then_some(Self(words))
    }

    /// What every name with it has in it, in small letters.
    pub(super) fn keyword(&self) -> &str {
        self.0.last().map_or("", |(_, word)| word)
    }

    fn begins(&self, words: &[&[u8]]) -> bool {
        words.len() >= self.0.len()
            && self.0.iter().zip(words).all(|((is_end, wanted), word)| {
                let end = if *is_end { word.len().saturating_sub(wanted.len()) } else { 0 };
                word[end..].eq_ignore_ascii_case(wanted.as_bytes())
            })
    }

    fn is_in(&self, words: &[&[u8]]) -> bool {
        (0..words.len()).any(|at| self.begins(&words[at..]))
    }
}

impl Names {
    /// What `name` says, if it is the name of a secret.
    pub(super) fn judge(&self, name: &[u8]) -> Option<Means> {
        let mut words: [&[u8]; MAX_WORDS] = [&[]; MAX_WORDS];
        let count = split(name, &mut words)?;
        let words = &words[..count];
        // The last one decides: in TOKEN_SECRET and SECRET_TOKEN there is only something about it behind.
        let found = (0..count).rev().find_map(|at| {
            let of = |phrases: &[Phrase], means| {
                phrases.iter().find(|phrase| phrase.begins(&words[at..])).map(|phrase| (at, phrase.0.len(), means))
            };
            of(&self.chosen, Means::Chosen).or_else(|| of(&self.made, Means::Made))
        });
        let (at, length, means) = found?;
        let is_none = self.not.iter().any(|phrase| phrase.is_in(words))
            || self.not_after.iter().any(|phrase| phrase.is_in(&words[..at]))
            || self.not_before.iter().any(|phrase| phrase.is_in(&words[at + length..]));
        (!is_none).then_some(means)
    }

    /// One of them, in small letters, is in every name of a secret; none is in another.
    pub(super) fn keywords(&self) -> Vec<String> {
        let mut all: Vec<&str> = self.chosen.iter().chain(&self.made).map(Phrase::keyword).collect();
        all.sort_unstable_by_key(|word| (word.len(), *word));
        let mut least: Vec<&str> = Vec::new();
        for word in all {
            if !least.iter().any(|shorter| word.contains(shorter)) {
                least.push(word);
            }
        }
        least.into_iter().map(str::to_owned).collect()
    }
}

/// Splits a name where its words begin, and says how many they are. None when they are too many.
fn split<'n>(name: &'n [u8], words: &mut [&'n [u8]; MAX_WORDS]) -> Option<usize> {
    let mut count = 0;
    for part in name.split(|byte| !byte.is_ascii_alphabetic()).filter(|part| !part.is_empty()) {
        let mut begin = 0;
        for at in 1..=part.len() {
            // At apiKey before K, at APIKey before K, at the end.
            let is_begin = at == part.len()
                || (part[at].is_ascii_uppercase()
                    && (part[at - 1].is_ascii_lowercase() || part.get(at + 1).is_some_and(u8::is_ascii_lowercase)));
            if is_begin {
                *words.get_mut(count)? = &part[begin..at];
                count += 1;
                begin = at;
            }
        }
    }
    Some(count)
}
