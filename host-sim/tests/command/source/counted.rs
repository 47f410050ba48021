//! A filter whose lines are executed a number of times that can be told by hand.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(_: u32, headers: u32, _: u32) -> u32 {
    let mut sum = 0;
    for at in 0..headers {
        sum += weight(at);
    }
    if sum > 1000 {
        return refuse(sum);
    }
    0
}

#[inline(always)]
fn weight(at: u32) -> u32 {
    if at % 2 == 0 {
        3
    } else {
        5
    }
}

#[inline(never)]
fn refuse(sum: u32) -> u32 {
    if sum == 2000 {
        return 1;
    }
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_headers(_: u32, headers: u32, _: u32) -> u32 {
    match headers {
        0 => 0,
        1..=9 => few(),
        _ => 1,
    }
}

fn few() -> u32 {
    [1, 2, 3].iter().map(|number| number & 0).sum()
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_body(_: u32, _: u32, _: u32) -> u32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(_: usize) -> usize {
    1024
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
