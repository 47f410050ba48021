//! A filter that traps at a request with more than three headers.
#![no_std]

mod shop {
    #[inline(never)]
    pub fn price(items: u32) -> u32 {
        check(items);
        items * 2
    }

    #[inline(always)]
    fn check(items: u32) {
        if items > 3 {
            fail()
        }
    }

    #[inline(never)]
    fn fail() -> ! {
        core::arch::wasm32::unreachable()
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(_: u32, headers: u32, _: u32) -> u32 {
    shop::price(headers) & 1
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(_: usize) -> usize {
    1024
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
