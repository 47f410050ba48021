//! A profile for <https://profiler.firefox.com>, in its "processed" format: a sample for each stack, which weighs its instructions.

use std::collections::HashMap;

use host_sim::profile::{Frame, Profile};
use serde_json::{Value, json};

use super::names::Names;

/// The version of the format; the profiler upgrades it to its own.
const VERSION: u32 = 46;

/// Kinds of frames, each a category with its color.
const CATEGORIES: [(&str, &str); 3] = [
    ("callback", "blue"),
    ("module", "green"),
    ("hostcall", "orange"),
];

/// The profile as a document.
pub(super) fn document(profile: &Profile, names: &Names, title: &str) -> Value {
    let mut strings: Vec<String> = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    let mut known: HashMap<Frame, usize> = HashMap::new();
    let (mut prefixes, mut stacks) = (Vec::new(), Vec::new());
    for node in &profile.nodes {
        let frame = *known.entry(node.frame).or_insert_with(|| {
            frames.push(node.frame);
            strings.push(names.name(node.frame));
            frames.len().saturating_sub(1)
        });
        prefixes.push(node.parent);
        stacks.push(frame);
    }
    let category = |frame: &Frame| match frame {
        Frame::Callback(_) => 0,
        Frame::Function(_) => 1,
        Frame::Hostcall(_) => 2,
    };
    let of_frames: Vec<i32> = frames.iter().map(category).collect();
    let of_stacks: Vec<i32> = profile
        .nodes
        .iter()
        .map(|node| category(&node.frame))
        .collect();
    let sampled = || {
        profile
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.instructions > 0)
    };
    let samples: Vec<usize> = sampled().map(|(stack, _)| stack).collect();
    let weights: Vec<u64> = sampled().map(|(_, node)| node.instructions).collect();
    // Stacks have no times of their own: they are put one behind the other, a millisecond apart.
    let times: Vec<usize> = (0..samples.len()).collect();
    let (count, all) = (frames.len(), profile.nodes.len());
    let nothing = || vec![Value::Null; count];
    let categories = CATEGORIES
        .map(|(name, color)| json!({"name": name, "color": color, "subcategories": ["Other"]}));
    json!({
        "meta": {
            "version": 24,
            "preprocessedProfileVersion": VERSION,
            "product": title,
            "processType": 0,
            "interval": 1,
            "startTime": 0,
            "stackwalk": 1,
            "debug": false,
            "symbolicated": true,
            "usesOnlyOneStackType": true,
            "doesNotUseFrameImplementation": true,
            "categories": categories,
            "markerSchema": [],
            "extensions": {"length": 0, "id": [], "name": [], "baseURL": []},
            "sampleUnits": {"time": "ms", "eventDelay": "ms", "threadCPUDelta": "ns"},
        },
        "libs": [],
        "pages": [],
        "threads": [{
            "name": "instructions of the module",
            "processName": title,
            "processType": "default",
            "processStartupTime": 0,
            "processShutdownTime": null,
            "registerTime": 0,
            "unregisterTime": null,
            "pausedRanges": [],
            "isMainThread": true,
            "showMarkersInTimeline": false,
            "pid": "0",
            "tid": 0,
            "samples": {
                "length": samples.len(),
                "stack": samples,
                "time": times,
                "weight": weights,
                "weightType": "samples",
            },
            "markers": {
                "length": 0, "category": [], "data": [], "endTime": [], "name": [], "phase": [], "startTime": [],
            },
            "stackTable": {
                "length": all,
                "prefix": prefixes,
                "frame": stacks,
                "category": of_stacks,
                "subcategory": vec![0; all],
            },
            "frameTable": {
                "length": count,
                "address": vec![-1; count],
                "inlineDepth": vec![0; count],
                "category": of_frames,
                "subcategory": vec![0; count],
                "func": (0..count).collect::<Vec<_>>(),
                "nativeSymbol": nothing(),
                "innerWindowID": nothing(),
                "implementation": nothing(),
                "line": nothing(),
                "column": nothing(),
            },
            "funcTable": {
                "length": count,
                "name": (0..count).collect::<Vec<_>>(),
                "isJS": vec![false; count],
                "relevantForJS": vec![false; count],
                "resource": vec![-1; count],
                "fileName": nothing(),
                "lineNumber": nothing(),
                "columnNumber": nothing(),
            },
            "resourceTable": {"length": 0, "lib": [], "name": [], "host": [], "type": []},
            "nativeSymbols": {"length": 0, "address": [], "functionSize": [], "libIndex": [], "name": []},
            "stringArray": strings,
        }],
    })
}
