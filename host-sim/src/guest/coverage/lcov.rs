//! The format of lcov's tracefiles (`man geninfo`, "FILES").

use std::fmt::Write as _;

use super::Coverage;

impl Coverage {
    /// The coverage as a tracefile of lcov, which code review services and editors read.
    #[must_use]
    pub fn lcov(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (path, file) in &self.files {
            let _ = writeln!(text, "TN:\nSF:{path}");
            for function in &file.functions {
                let _ = writeln!(text, "FN:{},{}", function.line, function.name);
            }
            for function in &file.functions {
                let _ = writeln!(text, "FNDA:{},{}", function.count, function.name);
            }
            let share = file.function_share();
            let _ = writeln!(text, "FNF:{}\nFNH:{}", share.all, share.hit);
            for (line, count) in &file.lines {
                let _ = writeln!(text, "DA:{line},{count}");
            }
            let share = file.line_share();
            let _ = writeln!(text, "LF:{}\nLH:{}\nend_of_record", share.all, share.hit);
        }
        text
    }
}
