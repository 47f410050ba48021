//! What `make bench` measures: the CPU time that a filter adds to a call of the pinned Envoy, and what it adds to Envoy's start.
//!
//! - a [`row`] is a filter and the calls that it gets, [`bootstrap`] the configuration of Envoy with it;
//! - a [`server`] is a running Envoy, and [`cpu`] tells what it has used;
//! - [`load`] sends the calls, [`request`] says how they look;
//! - a [`cluster`] is several Envoys, of which it is measured what sharing an allotment costs;
//! - [`scaling`] is about what a second worker costs;
//! - a [`measurement`] is taken in rounds, and [`summary`] and [`report`] make the figures of it that are shown.
//!
//! The CPU time comes from the kernel's account of Envoy's threads, not from a clock on the wall, and every slice of calls through a
//! filter is paired with a slice through no filter right before it, so that a machine that does other things as well, or changes its
//! speed, still gives usable figures.

pub mod bootstrap;
pub mod cluster;
pub mod cpu;
pub mod load;
pub mod measurement;
pub mod report;
pub mod request;
pub mod row;
pub mod scaling;
pub mod server;
pub mod summary;
