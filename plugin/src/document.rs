//! How a document is read, and what is wrong with it: JSON with the place of every mistake, and the names that were meant.

pub mod choice;
pub mod config_error;
pub mod csv;
pub mod json;
pub mod unique_map;
