//! The command's parts: one file for each thing that it does.

pub(crate) mod inspect;
