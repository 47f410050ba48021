//! Each fuzz target with its seeds and a bounded number of inputs made of them: always the same, so that a failure comes again.

#![allow(clippy::print_stdout, reason = "it is shown where a test fails")]

use api_credits_fuzz::{Target, inputs};

/// Tells the input with which the test has failed.
struct Tried<'i>(&'i [u8]);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("with the input b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// Tries a target.
fn try_with(name: &str, target: Target, count: usize) {
    let seeds = inputs::seeds(name);
    let made = inputs::made_of(&seeds, count);
    for input in seeds.iter().cloned().chain(made) {
        let tried = Tried(&input);
        target(&input);
        drop(tried);
    }
}

macro_rules! tried {
    ($($name:ident: $count:literal;)*) => {
        $(
            #[test]
            fn $name() {
                try_with(stringify!($name), api_credits_fuzz::$name, $count);
            }
        )*

        #[test]
        fn none_is_left_out() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(api_credits_fuzz::TARGETS.map(|(name, _)| name), tried);
        }
    };
}

tried! {
    configuration: 3000;
    paths: 3000;
    bodies: 10000;
    records: 10000;
    directory: 10000;
    resp: 10000;
    headers: 5000;
    modules: 1500;
}
