//! Numbers as texts.
//!
//! Numbers that fit into 32 bits, as nearly all do, are written as such: for those of 64 bits, wasm has to multiply in several steps.

/// Where a number is written.
pub struct Decimal(itoa::Buffer);

impl Default for Decimal {
    fn default() -> Self {
        Self(itoa::Buffer::new())
    }
}

impl Decimal {
    /// The number in decimal digits.
    pub fn format(&mut self, number: u64) -> &str {
        match u32::try_from(number) {
            Ok(number) => self.0.format(number),
            Err(_) => self.0.format(number),
        }
    }
}

/// Writes a number behind a text.
#[inline]
pub fn push_number(text: &mut String, number: u64) {
    text.push_str(Decimal::default().format(number));
}
