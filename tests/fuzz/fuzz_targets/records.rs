//! What the filter finds in shared data. `cargo fuzz run records`; otherwise it tries the files that it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| api_credits_fuzz::records(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    api_credits_fuzz::try_files(api_credits_fuzz::records)
}
