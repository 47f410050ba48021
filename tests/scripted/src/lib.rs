//! A plugin that does what its configuration says: what the simulator and Envoy are compared with where neither the filter nor a header of a
//! request can say it. There is nothing of it where there is no host.
//!
//! Each line of the configuration is a callback, a command and its words; `%20` and the like stand for bytes. What a command gives is logged
//! as a warning, as in `request get request x-a: "1"`.

#[cfg(target_os = "wasi")]
mod command;
#[cfg(target_os = "wasi")]
mod plugin;
