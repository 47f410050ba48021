//! What a step of a worker touches of that which all workers share. Steps that touch nothing in common, or only look, can be swapped without
//! anybody noticing; that is what spares most interleavings.
//!
//! A conditional write whose number has been overtaken touches nothing: it fails whatever comes before it, because the numbers of writes
//! only grow. It is therefore free to come anywhere before its worker's next step (independence that depends on the state, as in
//! S. Katz and D. Peled, Defining Conditional Independence Using Collapses, 1992). Of three workers that try again whenever another
//! one was faster, this spares by far the most orders.

/// Something that workers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// A key of the shared data under a `vm_id`.
    Key(String, Vec<u8>),
    /// A shared queue, by its token.
    Queue(u32),
    /// A metric, by its name.
    Metric(String),
    /// How many calls the upstream has at once.
    Upstream,
    /// Whose turn it is among workers that nobody can tell apart.
    Turn,
}

/// A step touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) resource: Resource,
    pub(crate) kind: Kind,
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only looks.
    Read,
    /// It changes it.
    Write,
    /// It adds to it without looking, which can be swapped with others that do.
    Add,
    /// It takes from it without looking, which can be swapped with others that do.
    Take,
}

impl Access {
    pub(crate) fn of_key(vm_id: &str, key: &[u8], kind: Kind) -> Self {
        Self {
            resource: Resource::Key(vm_id.to_owned(), key.to_vec()),
            kind,
        }
    }

    pub(crate) fn of_queue(token: u32) -> Self {
        Self {
            resource: Resource::Queue(token),
            kind: Kind::Write,
        }
    }

    pub(crate) fn of_metric(name: Option<&str>, kind: Kind) -> Self {
        Self {
            resource: Resource::Metric(name.unwrap_or_default().to_owned()),
            kind,
        }
    }

    /// Whether the order of the two can matter.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        let harmless = self.kind == other.kind && self.kind != Kind::Write;
        self.resource == other.resource && !harmless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_noticed_conflicts() {
        use Kind::{Add, Read, Take, Write};
        let conflict = |a: (&str, Kind), b: (&str, Kind)| {
            let access = |(key, kind): (&str, Kind)| Access::of_key("vm", key.as_bytes(), kind);
            access(a).conflicts(&access(b))
        };
        assert!(!conflict(("a", Read), ("a", Read)));
        assert!(!conflict(("a", Add), ("a", Add)));
        assert!(!conflict(("a", Take), ("a", Take)));
        assert!(conflict(("a", Add), ("a", Take)));
        assert!(!conflict(("a", Write), ("b", Write)));
        assert!(conflict(("a", Write), ("a", Write)));
        assert!(conflict(("a", Write), ("a", Read)));
        assert!(conflict(("a", Add), ("a", Read)));
        assert!(conflict(("a", Add), ("a", Write)));
    }
}
