//! host-sim.
