//! Where a module spends its instructions and its time: a tree of callbacks, the module's functions, and hostcalls.
//!
//! Callbacks and hostcalls are seen by the host. Functions are seen of a module that was loaded with [`Module::profiled`]: the
//! instrumented module says when one begins and ends. What that takes is left out of the instructions, which are
//! therefore those of the module as it is, to the last one; it is not left out of the time.
//!
//! [`Module::profiled`]: crate::Module::profiled

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// What a call of the hook takes, in the engine's count of instructions.
const HOOK_FUEL: u64 = 3;

/// What was on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frame {
    /// A call of the host into the module.
    Callback(&'static str),
    /// A function of the module, by its number.
    Function(u32),
    /// A call of the module into the host.
    Hostcall(&'static str),
}

/// One stack: a frame and those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The innermost frame.
    pub frame: Frame,
    /// The stack without it, by its place in [`Profile::nodes`], where it comes first; `None` for a callback.
    pub parent: Option<usize>,
    /// How often there was this stack.
    pub calls: u64,
    /// Instructions of the frame itself.
    pub instructions: u64,
    /// The time of the frame itself.
    pub time: Duration,
    /// Bytes that a hostcall copied out of and into the module's memory.
    pub bytes: u64,
}

/// Where a module has spent its instructions and its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// All stacks.
    pub nodes: Vec<Node>,
}

/// Some frames together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How often they were called.
    pub calls: u64,
    /// Their own instructions.
    pub own_instructions: u64,
    /// Instructions with those of whatever they called.
    pub instructions: u64,
    /// Time with that of whatever they called.
    pub time: Duration,
    /// Bytes with those of whatever they called.
    pub bytes: u64,
    /// Hostcalls, they themselves and those within them.
    pub hostcalls: u64,
}

impl Profile {
    /// The totals of each frame. Where one calls itself, only the outermost counts with whatever it called.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Frame, Totals> {
        let mut totals: BTreeMap<Frame, Totals> = BTreeMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let own = totals.entry(node.frame).or_default();
            own.calls = own.calls.saturating_add(node.calls);
            own.own_instructions = own.own_instructions.saturating_add(node.instructions);
            let is_hostcall = matches!(node.frame, Frame::Hostcall(_));
            let mut seen = Vec::new();
            let mut next = Some(number);
            while let Some((place, at)) = next.and_then(|next| Some((next, self.nodes.get(next)?)))
            {
                debug_assert!(at.parent.is_none_or(|parent| parent < place));
                next = at.parent;
                if seen.contains(&at.frame) {
                    continue;
                }
                seen.push(at.frame);
                let of = totals.entry(at.frame).or_default();
                of.instructions = of.instructions.saturating_add(node.instructions);
                of.time = of.time.saturating_add(node.time);
                of.bytes = of.bytes.saturating_add(node.bytes);
                if is_hostcall {
                    of.hostcalls = of.hostcalls.saturating_add(node.calls);
                }
            }
        }
        totals
    }

    /// Instructions of all stacks together.
    #[must_use]
    pub fn instructions(&self) -> u64 {
        let nodes = self.nodes.iter();
        nodes.fold(0, |sum, node| sum.saturating_add(node.instructions))
    }
}

/// The deepest stack whose frames are told apart; what is deeper belongs to the last of them.
const DEEPEST: usize = 512;

/// Draws up a profile while VMs run.
#[derive(Debug)]
pub(crate) struct Profiler {
    profile: Profile,
    children: HashMap<(Option<usize>, Frame), usize>,
    /// The frames that have begun, and where each is in the profile.
    stack: Vec<(Frame, usize)>,
    /// What fuel was left when anything was last noted, and when that was.
    fuel: u64,
    time: Instant,
}

impl Profiler {
    pub(crate) fn new() -> Self {
        Self {
            profile: Profile::default(),
            children: HashMap::new(),
            stack: Vec::new(),
            fuel: 0,
            time: now(),
        }
    }

    pub(crate) fn into_profile(self) -> Profile {
        self.profile
    }

    /// The host calls the module; so many frames were there before. It gets other fuel, see [`refuel`](Self::refuel).
    pub(crate) fn begin_callback(&mut self, name: &'static str, fuel: u64) -> usize {
        self.settle(fuel, 0);
        let depth = self.stack.len();
        self.push(Frame::Callback(name));
        depth
    }

    /// A callback has ended, whatever it was doing.
    pub(crate) fn end_callback(&mut self, depth: usize, fuel: u64) {
        self.settle(fuel, 0);
        self.stack.truncate(depth);
    }

    /// There is so much fuel from now on.
    pub(crate) fn refuel(&mut self, fuel: u64) {
        self.fuel = fuel;
    }

    pub(crate) fn begin_hostcall(&mut self, name: &'static str, fuel: u64) {
        self.settle(fuel, 0);
        self.push(Frame::Hostcall(name));
    }

    pub(crate) fn end_hostcall(&mut self, fuel: u64) {
        self.settle(fuel, 0);
        self.pop(|frame| matches!(frame, Frame::Hostcall(_)));
    }

    /// The hook was called, with the number of a function that begins, or the complement of one that ends.
    pub(crate) fn hook(&mut self, number: i32, fuel: u64) {
        // A call of a function is an instruction of its own in the engine's count, which is already there where it begins.
        let begins = number >= 0;
        self.settle(fuel, HOOK_FUEL.saturating_add(u64::from(begins)));
        if begins {
            self.push(Frame::Function(number.unsigned_abs()));
            self.add(1, Duration::ZERO);
        } else {
            let ended = Frame::Function((!number).unsigned_abs());
            self.pop(|frame| frame == ended);
        }
    }

    /// A hostcall copies bytes.
    pub(crate) fn copy(&mut self, bytes: usize) {
        let node = self.stack.last().map(|(_, node)| *node);
        if let Some(node) = node.and_then(|node| self.profile.nodes.get_mut(node)) {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            node.bytes = node.bytes.saturating_add(bytes);
        }
    }

    /// What has happened since anything was last noted belongs to the frame that was on top, but for so much fuel.
    fn settle(&mut self, fuel: u64, without: u64) {
        let now = now();
        let used = self.fuel.saturating_sub(fuel).saturating_sub(without);
        let time = now.saturating_duration_since(self.time);
        (self.fuel, self.time) = (fuel, now);
        self.add(used, time);
    }

    fn add(&mut self, instructions: u64, time: Duration) {
        let node = self.stack.last().map(|(_, node)| *node);
        if let Some(node) = node.and_then(|node| self.profile.nodes.get_mut(node)) {
            node.instructions = node.instructions.saturating_add(instructions);
            node.time = node.time.saturating_add(time);
        }
    }

    fn push(&mut self, frame: Frame) {
        let parent = self.stack.last().map(|(_, node)| *node);
        let place = if self.stack.len() >= DEEPEST {
            parent.unwrap_or_default()
        } else {
            let nodes = &mut self.profile.nodes;
            *self.children.entry((parent, frame)).or_insert_with(|| {
                nodes.push(Node {
                    frame,
                    parent,
                    calls: 0,
                    instructions: 0,
                    time: Duration::ZERO,
                    bytes: 0,
                });
                nodes.len().saturating_sub(1)
            })
        };
        if let Some(node) = self.profile.nodes.get_mut(place) {
            node.calls = node.calls.saturating_add(1);
        }
        self.stack.push((frame, place));
    }

    /// Ends the last frame that is such, and whatever has begun in it and was left by an exception.
    fn pop(&mut self, is_it: impl Fn(Frame) -> bool) {
        if let Some(place) = self.stack.iter().rposition(|(frame, _)| is_it(*frame)) {
            self.stack.truncate(place);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the module runs is what is measured"
)]
fn now() -> Instant {
    Instant::now()
}
