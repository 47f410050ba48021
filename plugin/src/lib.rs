//! API credits.
