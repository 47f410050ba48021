//! The allocator: the standard library's, behind lists of small blocks that are free.
//!
//! A call takes and frees some twenty small blocks, and the standard library's allocator takes 230 instructions for each of them, a list
//! 30. Blocks of up to 512 bytes stay in the list of their size once they are freed, so that the memory for them is what was needed at
//! most at once.

#![allow(
    unsafe_code,
    reason = "an allocator hands out addresses; each block says why that is sound"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr::null_mut,
};

/// Sizes are rounded up to a multiple of it, and blocks are aligned to it.
const STEP: usize = 8;
const LISTS: usize = 64;

struct SmallBlocks {
    /// Of each size, the first block that is free. In it is the address of the next one.
    free: [Cell<*mut u8>; LISTS],
}

// SAFETY: a module for the proxy has one thread.
unsafe impl Sync for SmallBlocks {}

#[global_allocator]
static ALLOCATOR: SmallBlocks = SmallBlocks {
    free: [const { Cell::new(null_mut()) }; LISTS],
};

/// The list for blocks of this size, if there is one.
fn list(layout: Layout) -> Option<usize> {
    let list = layout.size().checked_sub(1)? / STEP;
    (list < LISTS && layout.align() <= STEP).then_some(list)
}

// SAFETY: a block is the caller's from the time that it leaves its list, or the standard library's allocator, until it comes back, and
// always as large and as aligned as its list says.
unsafe impl GlobalAlloc for SmallBlocks {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((list, first)) = list(layout).and_then(|list| Some((list, self.free.get(list)?)))
        else {
            // SAFETY: as asked.
            return unsafe { System.alloc(layout) };
        };
        let block = first.get();
        if !block.is_null() {
            // SAFETY: a block in a list is at least as large and as aligned as an address, which `dealloc` has written there.
            first.set(unsafe { block.cast::<*mut u8>().read() });
            return block;
        }
        let size = list.saturating_add(1).saturating_mul(STEP);
        // SAFETY: neither is zero, the alignment is a power of two, and the size one of its multiples.
        unsafe { System.alloc(Layout::from_size_align_unchecked(size, STEP)) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match list(layout).and_then(|list| self.free.get(list)) {
            Some(first) => {
                // SAFETY: the block is free, and at least as large and as aligned as an address.
                unsafe { block.cast::<*mut u8>().write(first.get()) };
                first.set(block);
            }
            // SAFETY: it came from there.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the size.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (list(layout), list(wanted)) {
            (Some(old), Some(new)) if old == new => block,
            // SAFETY: both are the standard library's.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: as asked.
                let moved = unsafe { self.alloc(wanted) };
                if !moved.is_null() {
                    // SAFETY: both blocks are as large as the smaller size, and the new one is another.
                    unsafe {
                        moved.copy_from_nonoverlapping(block, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                }
                moved
            }
        }
    }
}
