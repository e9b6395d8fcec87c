//! SHA-256 of two texts at once.
//!
//! One SHA-NI round waits for the one before it, so a processor that hashes a single text is idle half the time. Two
//! texts interleaved in one thread fill the gaps: 1.5 times the speed of one after the other (`benches/README.md`). No
//! crate offers it. Where the instructions are missing, the texts are hashed one after the other with `sha2`.

#![allow(unsafe_code)]

use sha2::block_api::compress256;

/// Words of a SHA-256 state.
pub(super) type Words = [u32; 8];
/// A block of text.
pub(super) type Block = [u8; 64];

/// Feeds `ours` to `our` state and `theirs` to `their` state; as many blocks of each.
pub(super) fn compress_both(our: &mut Words, ours: &[Block], their: &mut Words, theirs: &[Block]) {
    debug_assert_eq!(ours.len(), theirs.len());
    #[cfg(target_arch = "x86_64")]
    if x86::is_available() {
        // SAFETY: the processor has what the function is compiled for.
        unsafe { x86::compress_both(our, ours, their, theirs) };
        return;
    }
    compress256(our, ours);
    compress256(their, theirs);
}

/// Every function here asks one thing of its caller: that [`x86::is_available`] said yes. Rust 1.85 has no safe functions
/// for certain processors yet; from 1.86 on only the loads and the store would be unsafe.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_op_in_unsafe_fn)]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
        _mm_storeu_si128,
    };

    use super::{Block, Words};

    pub(super) fn is_available() -> bool {
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")
    }

    /// The constants of FIPS 180-4, section 4.2.2, four to a row.
    const K: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    /// A text under way: the state as the instructions want it, and the message schedule.
    struct Lane {
        abef: __m128i,
        cdgh: __m128i,
        schedule: [__m128i; 4],
    }

    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) unsafe fn compress_both(our: &mut Words, ours: &[Block], their: &mut Words, theirs: &[Block]) {
        let (mut a, mut b) = (Lane::begin(our), Lane::begin(their));
        for (our_block, their_block) in ours.iter().zip(theirs) {
            let before = [(a.abef, a.cdgh), (b.abef, b.cdgh)];
            a.load(our_block);
            b.load(their_block);
            for (row, constants) in K[..4].iter().enumerate() {
                Lane::rounds(&mut a, &mut b, row, load(constants));
            }
            for rows in K[4..].chunks_exact(4) {
                for (row, constants) in rows.iter().enumerate() {
                    a.extend(row);
                    b.extend(row);
                    Lane::rounds(&mut a, &mut b, row, load(constants));
                }
            }
            for (lane, (abef, cdgh)) in [&mut a, &mut b].into_iter().zip(before) {
                lane.abef = _mm_add_epi32(lane.abef, abef);
                lane.cdgh = _mm_add_epi32(lane.cdgh, cdgh);
            }
        }
        a.end(our);
        b.end(their);
    }

    impl Lane {
        #[inline]
        #[target_feature(enable = "sha,sse4.1,ssse3")]
        unsafe fn begin(words: &Words) -> Self {
            let (low, high) = words.split_at(4);
            let cdab = _mm_shuffle_epi32(load(low), 0xb1);
            let efgh = _mm_shuffle_epi32(load(high), 0x1b);
            let abef = _mm_alignr_epi8(cdab, efgh, 8);
            Self { abef, cdgh: _mm_blend_epi16(efgh, cdab, 0xf0), schedule: [abef; 4] }
        }

        #[inline]
        #[target_feature(enable = "sha,sse4.1,ssse3")]
        unsafe fn end(self, words: &mut Words) {
            let feba = _mm_shuffle_epi32(self.abef, 0x1b);
            let dchg = _mm_shuffle_epi32(self.cdgh, 0xb1);
            let (low, high) = words.split_at_mut(4);
            store(low, _mm_blend_epi16(feba, dchg, 0xf0));
            store(high, _mm_alignr_epi8(dchg, feba, 8));
        }

        #[inline]
        #[target_feature(enable = "sha,sse4.1,ssse3")]
        unsafe fn load(&mut self, block: &Block) {
            let big_endian = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
            for (words, bytes) in self.schedule.iter_mut().zip(block.chunks_exact(16)) {
                // 16 bytes are read from as many.
                let loaded = _mm_loadu_si128(bytes.as_ptr().cast());
                *words = _mm_shuffle_epi8(loaded, big_endian);
            }
        }

        /// The next four words of the message schedule, in place of those of row `at`, which are used up.
        #[inline]
        #[target_feature(enable = "sha,sse4.1,ssse3")]
        unsafe fn extend(&mut self, at: usize) {
            let w = |back: usize| self.schedule[(at + back) % 4];
            let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w(0), w(1)), _mm_alignr_epi8(w(3), w(2), 4));
            self.schedule[at] = _mm_sha256msg2_epu32(sum, w(3));
        }

        /// Four rounds of both, taking turns.
        #[inline]
        #[target_feature(enable = "sha,sse4.1,ssse3")]
        unsafe fn rounds(a: &mut Self, b: &mut Self, at: usize, constants: __m128i) {
            let our_words = _mm_add_epi32(a.schedule[at], constants);
            let their_words = _mm_add_epi32(b.schedule[at], constants);
            a.cdgh = _mm_sha256rnds2_epu32(a.cdgh, a.abef, our_words);
            b.cdgh = _mm_sha256rnds2_epu32(b.cdgh, b.abef, their_words);
            a.abef = _mm_sha256rnds2_epu32(a.abef, a.cdgh, _mm_shuffle_epi32(our_words, 0x0e));
            b.abef = _mm_sha256rnds2_epu32(b.abef, b.cdgh, _mm_shuffle_epi32(their_words, 0x0e));
        }
    }

    /// Four words in a register.
    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn load(words: &[u32]) -> __m128i {
        assert_eq!(words.len(), 4);
        // 16 bytes are read from four words.
        _mm_loadu_si128(words.as_ptr().cast())
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn store(words: &mut [u32], register: __m128i) {
        assert_eq!(words.len(), 4);
        // 16 bytes are written to four words.
        _mm_storeu_si128(words.as_mut_ptr().cast(), register);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_come_out_as_one_after_the_other(
            states in any::<[Words; 2]>(), texts in prop::collection::vec((any::<[u8; 32]>(), any::<[u8; 32]>()), 0..40)
        ) {
            let ours: Vec<Block> = texts.iter().map(|(a, b)| [*a, *b].concat().try_into().unwrap()).collect();
            let theirs: Vec<Block> = texts.iter().rev().map(|(a, b)| [*b, *a].concat().try_into().unwrap()).collect();
            let (mut expected, mut found) = (states, states);
            compress256(&mut expected[0], &ours);
            compress256(&mut expected[1], &theirs);
            let [our, their] = &mut found;
            compress_both(our, &ours, their, &theirs);
            prop_assert_eq!(found, expected);
        }
    }
}
