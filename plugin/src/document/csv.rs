//! CSV: rows as RFC 4180 has them.

/// A row of these fields with its line end. A field is quoted where it has to be, and is otherwise as it is: a spreadsheet takes an id that
/// begins with `=` for a formula.
#[must_use]
pub fn row(fields: &[&str]) -> String {
    let mut row = String::new();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            row.push(',');
        }
        if field.contains(['"', ',', '\r', '\n']) {
            row.push('"');
            row.push_str(&field.replace('"', "\"\""));
            row.push('"');
        } else {
            row.push_str(field);
        }
    }
    row.push_str("\r\n");
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_field_is_quoted_where_it_has_to_be() {
        assert_eq!(row(&["7", "a b", ""]), "7,a b,\r\n");
        assert_eq!(
            row(&["a,b", "say \"x\"", "two\nlines"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\r\n"
        );
    }
}
