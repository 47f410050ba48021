//! HTTP/1 as Envoy's codec reads and writes it (Balsa), on both sides: no library reads requests as loosely and as strictly at once, and what
//! it refuses must come to the simulation, which refuses it with Envoy's words.

pub(super) mod client;
mod decoder;
mod head;
pub(super) mod server;
mod source;
