//! Usage details.
