//! Whether what a module logs is about one organization at a time, so that it would log the same if it saw no other.

use jiff::Timestamp;

/// What the module has said so far.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Whether it has said something that was not about the organization whose call it was.
    of_others: bool,
    /// The last minute in which it said something, and how many lines that were.
    minute: i64,
    lines: u64,
}

/// Modules that say more in a minute may be keeping things back.
const MOST_IN_A_MINUTE: u64 = 64;

impl Talk {
    /// Something was said at a time, during a call of the organization of this name or by itself.
    pub(super) fn hear(&mut self, at: Timestamp, name: Option<&str>, line: &str) {
        self.of_others |= name.is_none_or(|name| !line.contains(name));
        let minute = at.as_second().div_euclid(60);
        if minute != self.minute {
            (self.minute, self.lines) = (minute, 0);
        }
        self.lines = self.lines.saturating_add(1);
        self.of_others |= self.lines > MOST_IN_A_MINUTE;
    }

    /// Whether all of it is said of one organization at a time.
    pub(super) fn is_of_each(&self) -> bool {
        !self.of_others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_about_the_caller_or_about_others() {
        let said = |lines: &[(i64, Option<&str>, &str)]| {
            let mut talk = Talk::default();
            for (second, name, line) in lines {
                talk.hear(Timestamp::from_second(*second).unwrap(), *name, line);
            }
            talk.is_of_each()
        };
        assert!(said(&[]));
        assert!(said(&[(
            1,
            Some("a7"),
            "organization \"a7\" has used 50 %"
        )]));
        assert!(!said(&[(1, Some("a7"), "bodies cannot be read")]));
        assert!(!said(&[(1, None, "the directory does not answer")]));
        let line = |second| (second, Some("a"), "a");
        let hour: Vec<_> = (0..3600).step_by(30).map(line).collect();
        let minute: Vec<_> = (0..65).map(|_| line(7)).collect();
        assert!(said(&hour));
        assert!(!said(&minute));
    }
}
