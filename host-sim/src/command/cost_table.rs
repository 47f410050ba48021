//! What this command knows of the API credits filter: the `costs` of its configuration, and how it tells what a call costs.
//!
//! The rest of `host-sim` knows modules as bytes, and no credits; `import` and `coverage` are about this one filter, and all that is
//! particular to it is in this folder: which path templates it takes ([`template`]), what a price is ([`price`]), which prices are
//! suggested for an operation that has none ([`suggestion`]), how operations become rules ([`rules`]), how a person would write them
//! ([`text`]), and how the module itself is asked for prices ([`probe`]). Where it tells them stands with the mapping of `replay`
//! ([`host_sim::forecast::Mapping`]). The filter is never linked: whether a table is right, only the module says.

pub(crate) mod price;
pub(crate) mod probe;
pub(crate) mod rules;
mod segment;
mod suggestion;
pub(crate) mod template;
pub(crate) mod text;
