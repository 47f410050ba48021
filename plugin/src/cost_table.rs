//! The cost table.
