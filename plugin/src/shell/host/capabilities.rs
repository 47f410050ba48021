//! Which of the hostcalls that the plugin makes the host allows it (Envoy: `capability_restriction_config`).
//!
//! Envoy answers `InternalFailure` to a hostcall that it does not allow, and 76 (`ENOTCAPABLE`) to one of WASI
//! (proxy-wasm-cpp-host, `src/wasm.cc`), whatever it was asked. So each is asked for something that is refused without it having done
//! anything: a text beyond the memory, a map or a call that there is not.

use super::random_get;

const INTERNAL_FAILURE: u32 = 10;

/// Beyond any memory.
const NOWHERE: usize = usize::MAX - 7;

/// No map, buffer, stream, metric or context has this number.
const NONE: u32 = 0xFFFF;

macro_rules! asked {
    ($($name:ident($($argument:expr => $kind:ty),*);)*) => {
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            $(fn $name($(_: $kind),*) -> u32;)*
        }

        /// What the host answers to each.
        fn answers() -> Vec<(&'static str, u32)> {
            // SAFETY: the host finds every address outside the memory, and none of the numbers is one of its own.
            unsafe { vec![$((stringify!($name), $name($($argument),*))),*] }
        }
    };
}

asked! {
    proxy_get_current_time_nanoseconds(NOWHERE => usize);
    proxy_set_tick_period_milliseconds(0 => u32);
    proxy_get_buffer_bytes(NONE => u32, 0 => usize, 0 => usize, NOWHERE => usize, NOWHERE => usize);
    proxy_get_header_map_pairs(NONE => u32, NOWHERE => usize, NOWHERE => usize);
    proxy_get_header_map_value(NONE => u32, NOWHERE => usize, 1 => usize, NOWHERE => usize, NOWHERE => usize);
    proxy_replace_header_map_value(NONE => u32, NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize);
    proxy_remove_header_map_value(NONE => u32, NOWHERE => usize, 1 => usize);
    proxy_get_property(NOWHERE => usize, 1 => usize, NOWHERE => usize, NOWHERE => usize);
    proxy_set_property(NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize);
    proxy_get_shared_data(NOWHERE => usize, 1 => usize, NOWHERE => usize, NOWHERE => usize, NOWHERE => usize);
    proxy_set_shared_data(NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize, 0 => u32);
    proxy_define_metric(0 => u32, NOWHERE => usize, 1 => usize, NOWHERE => usize);
    proxy_increment_metric(u32::MAX => u32, 1 => u64);
    proxy_send_local_response(200 => u32, NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize, 0 => u32);
    proxy_continue_stream(NONE => u32);
    proxy_set_effective_context(u32::MAX => u32);
    proxy_http_call(NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize, NOWHERE => usize, 1 => usize, 1 => u32, NOWHERE => usize);
}

/// The first hostcall that every policy needs and the host does not allow.
pub(crate) fn missing() -> Option<&'static str> {
    let mut nothing = [0];
    // SAFETY: the host writes one byte to a live variable.
    if unsafe { random_get(nothing.as_mut_ptr(), 1) } != 0 {
        return Some("random_get");
    }
    let mut refused = answers()
        .into_iter()
        .filter(|(_, status)| *status == INTERNAL_FAILURE);
    refused
        .find(|(name, _)| *name != CALL_OUT)
        .map(|(name, _)| name)
}

/// Whether the plugin may make calls of its own, which not every policy does.
pub(crate) fn can_call_out() -> bool {
    let mut answers = answers().into_iter();
    answers.all(|(name, status)| name != CALL_OUT || status != INTERNAL_FAILURE)
}

const CALL_OUT: &str = "proxy_http_call";
