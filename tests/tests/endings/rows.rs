//! All rows of the table, in its order.

mod clients;
mod platform;

use crate::row::Row;

pub(crate) fn rows() -> Vec<Row> {
    [clients::rows(), platform::rows()].concat()
}
