//! The published price list, and the promise that no spelling of a call makes it cheaper.
