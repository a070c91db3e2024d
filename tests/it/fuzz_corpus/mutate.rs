//! Seeded mutations of seeds, and the run that looks for one that makes a target panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Texts that formats trip over.
const TOKENS: [&[u8]; 34] = [
    b"0",
    b"-0",
    b"-1",
    b"1e400",
    b"-1e-400",
    b"NaN",
    b"inf",
    b"0x10",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"999999999999999999999999999999",
    b"0.000000000000000000000000000001",
    b"1704153600000",
    b"1704153600000000",
    b"1704153600000000000",
    b"1969-12-31 23:59:59",
    b"2024-02-30T24:60:61Z",
    b"true",
    b"null",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b",",
    b",,",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{}",
];

/// Longest mutant.
const MAX_LEN: usize = 1 << 14;

/// A small generator: the same seed gives the same mutants on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`; 0 if that is 0.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % n.max(1)
    }

    /// A stretch of a text, short more often than long.
    fn stretch(&mut self, len: usize) -> core::ops::Range<usize> {
        let start = self.below(len + 1);
        let longest = (len - start).min(1 << self.below(9));
        start..start + self.below(longest + 1)
    }
}

/// Changes a text in one to six ways.
pub(crate) fn mutate(text: &[u8], others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut out = text.to_vec();
    for _ in 0..=random.below(6) {
        once(&mut out, others, random);
        out.truncate(MAX_LEN);
    }
    out
}

fn once(out: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    match random.below(11) {
        0 => {
            let at = random.below(out.len());
            if let Some(byte) = out.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            let (at, byte) = (random.below(out.len()), random.next().to_le_bytes()[0]);
            if let Some(old) = out.get_mut(at) {
                *old = byte;
            }
        }
        2 => out.truncate(random.below(out.len() + 1)),
        3 => {
            let gone = random.stretch(out.len());
            out.drain(gone);
        }
        4 => {
            let again = out[random.stretch(out.len())].to_vec();
            insert(out, &again, random);
        }
        5 => {
            let other = &others[random.below(others.len())];
            let piece = other[random.stretch(other.len())].to_vec();
            insert(out, &piece, random);
        }
        6 => insert(out, TOKENS[random.below(TOKENS.len())], random),
        7 | 8 => number(out, random),
        9 => lines(out, random),
        // The front of this and the back of another.
        _ => {
            let other = &others[random.below(others.len())];
            out.truncate(random.below(out.len() + 1));
            out.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
    }
}

fn insert(out: &mut Vec<u8>, piece: &[u8], random: &mut Random) {
    let at = random.below(out.len() + 1);
    out.splice(at..at, piece.iter().copied());
}

/// Replaces a run of digits.
fn number(out: &mut Vec<u8>, random: &mut Random) {
    let starts: Vec<usize> = (0..out.len())
        .filter(|&i| out[i].is_ascii_digit() && (i == 0 || !out[i - 1].is_ascii_digit()))
        .collect();
    let Some(&start) = starts.get(random.below(starts.len())) else {
        return;
    };
    let len = out[start..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let new = match random.below(4) {
        0 => TOKENS[random.below(18)].to_vec(),
        // A digit more, another last digit, one off.
        1 => [&out[start..start + len], b"0"].concat(),
        2 => format!("{:020}", random.next()).into_bytes()[..=random.below(20)].to_vec(),
        _ => {
            let text = String::from_utf8(out[start..start + len].to_vec()).unwrap();
            let off = [-1_i128, 1, 60_000, -86_400_000][random.below(4)];
            text.parse::<i128>()
                .map_or(text, |n| (n + off).to_string())
                .into_bytes()
        }
    };
    out.splice(start..start + len, new);
}

/// Swaps, repeats or drops a line.
fn lines(out: &mut Vec<u8>, random: &mut Random) {
    let mut all: Vec<Vec<u8>> = out
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if all.is_empty() {
        return;
    }
    let (a, b) = (random.below(all.len()), random.below(all.len()));
    match random.below(3) {
        0 => all.swap(a, b),
        1 => {
            let again = all[a].clone();
            all.insert(b, again);
        }
        _ => drop(all.remove(a)),
    }
    *out = all.concat();
}

/// An input that made a target panic.
#[derive(Debug)]
pub(crate) struct Crash {
    pub(crate) target: String,
    /// Which mutant: its number and the seed of the run give it again.
    pub(crate) mutant: u64,
    pub(crate) input: String,
    pub(crate) message: String,
}

/// Runs a target over one input.
pub(crate) fn attempt(
    name: &str,
    mutant: u64,
    input: &[u8],
    target: &dyn Fn(&[u8]),
) -> Result<(), Crash> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        let mut message = message.unwrap_or_default();
        message.truncate(message.floor_char_boundary(2_000));
        Crash {
            target: name.to_owned(),
            mutant,
            input: input.escape_ascii().to_string(),
            message,
        }
    })
}

/// Runs `n` mutants of the seeds; returns the first crash.
pub(crate) fn hunt(
    name: &str,
    seeds: &[Vec<u8>],
    target: &dyn Fn(&[u8]),
    n: u64,
    seed: u64,
) -> Result<(), Crash> {
    for mutant in 0..n {
        let mut random = Random::new(seed ^ (mutant << 20));
        let from = &seeds[random.below(seeds.len())];
        let input = mutate(from, seeds, &mut random);
        attempt(name, mutant, &input, target)?;
    }
    Ok(())
}
