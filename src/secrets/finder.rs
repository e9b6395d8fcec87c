//! Finds keywords: one automaton over all of them, and what each of them may begin.

use std::ops::Range;

use aho_corasick::automaton::Automaton as _;
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind};
use thiserror::Error;

/// Rules that have too many keywords.
#[derive(Debug, Error)]
#[error("the rules for secrets have too many keywords: {0}")]
pub struct EngineError(#[from] aho_corasick::BuildError);

/// An automaton over keywords, in any case, and what each of them may begin.
#[derive(Debug)]
pub(super) struct Finder {
    automaton: DFA,
    pub(super) begins: Vec<Vec<Begins>>,
    /// Bytes of each keyword, and of the longest.
    lengths: Vec<usize>,
    longest: usize,
}

/// What a keyword may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// A match of this rule.
    Match(usize),
    /// A name, or the end of one.
    Name,
    /// A private key.
    Key,
}

/// A keyword that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keyword {
    pub(super) at: usize,
    pub(super) length: usize,
    /// Which one it is.
    pub(super) keyword: usize,
}

/// The automaton goes through so many parts of a text at once: one step of it waits for the memory of the one before,
/// and not for that of another part.
const LANES: usize = 4;
/// Bytes of a part that are worth it.
const SHORT: usize = 1 << 10;

impl Finder {
    pub(super) fn new(keywords: Vec<(String, Begins)>) -> Result<Self, EngineError> {
        let mut texts: Vec<String> = Vec::new();
        let mut begins: Vec<Vec<Begins>> = Vec::new();
        for (keyword, what) in keywords {
            match texts.iter().position(|text| *text == keyword) {
                Some(at) => begins[at].push(what),
                None => {
                    texts.push(keyword);
                    begins.push(vec![what]);
                }
            }
        }
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&texts)?;
        let lengths: Vec<usize> = texts.iter().map(String::len).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        Ok(Self { automaton, begins, lengths, longest })
    }

    /// Adds all keywords that begin in `range` to `found`, in the order in which they end but for those of two parts.
    pub(super) fn find(&self, text: &[u8], range: Range<usize>, found: &mut Vec<Keyword>) {
        let length = range.len() / LANES;
        if length < SHORT {
            self.find_in(text, [range], found);
        } else {
            let part = |lane: usize| {
                let begin = range.start + lane * length;
                begin..if lane + 1 == LANES { range.end } else { begin + length }
            };
            self.find_in::<LANES>(text, std::array::from_fn(part), found);
        }
        found.sort_unstable_by_key(|keyword| (keyword.at, keyword.length));
    }

    /// Goes through parts of the text at once.
    fn find_in<const N: usize>(&self, text: &[u8], parts: [Range<usize>; N], found: &mut Vec<Keyword>) {
        let Ok(start) = self.automaton.start_state(Anchored::No) else { return };
        // Of each part all keywords that begin in it, so a little more than it.
        let ends = parts.clone().map(|part| (part.end + self.longest.saturating_sub(1)).min(text.len()));
        let slices: [&[u8]; N] =
            std::array::from_fn(|lane| text.get(parts[lane].start..ends[lane]).unwrap_or_default());
        let together = slices.iter().map(|slice| slice.len()).min().unwrap_or(0);
        let together_slices = slices.map(|slice| &slice[..together]);
        let mut states = [start; N];
        #[expect(clippy::needless_range_loop, reason = "several parts go by at once")]
        for at in 0..together {
            for lane in 0..N {
                let state = self.automaton.next_state(Anchored::No, states[lane], together_slices[lane][at]);
                states[lane] = state;
                if self.automaton.is_special(state) {
                    self.tell(state, parts[lane].start + at + 1, parts[lane].end, found);
                }
            }
        }
        for ((slice, part), mut state) in slices.iter().zip(&parts).zip(states) {
            for (at, byte) in slice.iter().enumerate().skip(together) {
                state = self.automaton.next_state(Anchored::No, state, *byte);
                if self.automaton.is_special(state) {
                    self.tell(state, part.start + at + 1, part.end, found);
                }
            }
        }
    }

    /// The keywords that end at `end`, and begin before `limit`.
    #[cold]
    fn tell(&self, state: aho_corasick::automaton::StateID, end: usize, limit: usize, found: &mut Vec<Keyword>) {
        if !self.automaton.is_match(state) {
            return;
        }
        for at in 0..self.automaton.match_len(state) {
            let keyword = self.automaton.match_pattern(state, at).as_usize();
            let length = self.lengths[keyword];
            if end - length < limit {
                found.push(Keyword { at: end - length, length, keyword });
            }
        }
    }
}
