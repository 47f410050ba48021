//! A folder with files, in which the command runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Refuses a configuration of nine bytes and lets every request pass; hangs on a body, and dies of a header in a response.
pub(crate) const FILTER: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "nine bytes are too many")
    (data (i32.const 48) "x-dies")
    (data (i32.const 64) "x-seen")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (if (i32.eq (local.get 1) (i32.const 8)) (then unreachable))
        (if (i32.eq (local.get 1) (i32.const 9)) (then
            (drop (call $log (i32.const 4) (i32.const 16) (i32.const 23)))
            (return (i32.const 0))))
        i32.const 1)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 1)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $add (i32.const 2) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 1)))
        (if (i32.eqz (call $get (i32.const 2) (i32.const 48) (i32.const 6) (i32.const 0) (i32.const 4)))
            (then (drop (call $add (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 1)))
                unreachable))
        i32.const 0))"#;

/// A scenario that holds.
pub(crate) const GOOD: &str =
    "about = 'A.'\nconfig = {}\n[[step]]\nrequest = {}\nexpect = { status = 200 }\n";

pub(crate) struct Folder(TempDir);

impl Folder {
    /// A folder with `filter.wasm` and these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        let filter = [("filter.wasm", FILTER)];
        for (name, text) in filter.iter().chain(files) {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Moved into place, so that nobody who watches ever sees half of it.
        let next = path.with_added_extension("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, path).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The command, to be run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
        command.args(arguments).current_dir(self.path());
        command
    }

    /// Runs the command in the folder: its exit status, and all that it says.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }
}
