//! Whoever watches what VMs touch of that which they all share, and lets them go on.

use std::fmt;

use super::access::Access;

/// An observer of what one thread's VMs share with others. It may hold them back.
pub(crate) trait Probe: fmt::Debug {
    /// Whether it watches at the moment. If not, it is told of nothing.
    fn watches(&self) -> bool;

    /// A VM is about to do this, and goes on when this returns.
    fn reach(&self, access: Access);

    /// A VM does this without being stopped, because it can be swapped with nearly anything.
    fn touch(&self, access: Access);

    /// What a VM last stopped for has come to nothing, and would have whatever others had done before.
    fn miss(&self);
}
