//! Whatever stands in a site's files, loading ends with a list of mistakes and never with a panic.

use super::*;

/// The seed of the first case; a failing case names its own.
const SEED: u64 = 20_260_101;
const CASES: u64 = 200;

/// A small generator of numbers that look random and are the same at every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % below.max(1) as u64).unwrap()
    }
}

/// What people and broken disks put into files.
const PIECES: [&[u8]; 16] = [
    b"\"",
    b"'",
    b"\n",
    b",",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b"\0",
    b"\xFF",
    b"\"\"\"",
    b"[[",
    b"-1",
    b"99999999999999999999",
    "泵".as_bytes(),
];

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.next(4) {
        let at = numbers.next(bytes.len() + 1);
        let until = (at + numbers.next(20)).min(bytes.len());
        match numbers.next(4) {
            0 => drop(bytes.drain(at..until)),
            1 => drop(bytes.splice(at..at, PIECES[numbers.next(PIECES.len())].iter().copied())),
            2 => bytes.truncate(at),
            _ => {
                let copied = bytes[at..until].to_vec();
                let to = numbers.next(bytes.len() + 1);
                drop(bytes.splice(to..to, copied));
            }
        }
    }
}

#[test]
fn a_spoiled_site_is_told_and_never_a_panic() {
    let profiles = crate::bundled_profiles().into_iter().take(3);
    let profiles = profiles.map(|file| (format!("profiles/{}", file.path), file.text));
    let files: Vec<_> = crate::demo_site()
        .into_iter()
        .map(|file| (file.path, file.text))
        .chain(profiles)
        .collect();
    let mut faulty = 0;
    for seed in SEED..SEED + CASES {
        let mut numbers = Numbers(seed);
        let spoiled = numbers.next(files.len());
        let contents: Vec<(String, Vec<u8>)> = files
            .iter()
            .enumerate()
            .map(|(number, (path, text))| {
                let mut bytes = text.clone().into_bytes();
                if number == spoiled {
                    mutate(&mut bytes, &mut numbers);
                }
                (path.clone(), bytes)
            })
            .collect();
        let folder = Folder::of_bytes(
            contents
                .iter()
                .map(|(path, bytes)| (path.as_str(), bytes.as_slice())),
        );
        let loaded = std::panic::catch_unwind(|| load(&folder, []));
        let loading = loaded.unwrap_or_else(|_| panic!("seed {seed} panics"));
        faulty += usize::from(!loading.faults.is_empty());
        for fault in &loading.faults {
            assert!(
                fault.place.line >= 1 && fault.place.column >= 1 && !fault.text.contains('\n'),
                "seed {seed}: {fault}"
            );
        }
        assert!(loading.faults.is_sorted(), "seed {seed}");
    }
    assert!(
        faulty > CASES as usize / 2,
        "the cases spoil too little: {faulty}"
    );
}
