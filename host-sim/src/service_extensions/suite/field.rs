//! The fields of a message, and what is said of one that is not as it should be.

use crate::service_extensions::text_format::{Field, Place, Value};

/// What is wrong with a field.
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) key: String,
    pub(super) message: String,
}

pub(super) type Read<T> = Result<T, Wrong>;

/// A field, and where it is.
pub(super) struct At<'f> {
    pub(super) field: &'f Field,
    key: String,
    known: &'static [&'static str],
}

impl<'f> At<'f> {
    pub(super) fn wrong<T>(&self, message: String) -> Read<T> {
        Err(Wrong {
            place: self.field.place,
            key: self.key.clone(),
            message,
        })
    }

    pub(super) fn unknown<T>(&self) -> Read<T> {
        let known: Vec<_> = self.known.iter().map(|name| format!("`{name}`")).collect();
        let name = &self.field.name;
        self.wrong(format!(
            "unknown field `{name}`, expected one of {}",
            known.join(", ")
        ))
    }

    pub(super) fn expected<T>(&self, what: &str) -> Read<T> {
        let there = match &self.field.value {
            Value::Message(_) => "a message".to_owned(),
            Value::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            Value::Word(word) => format!("`{word}`"),
        };
        self.wrong(format!("expected {what}, there is {there}"))
    }

    pub(super) fn message(&self) -> Read<Message<'f>> {
        match &self.field.value {
            Value::Message(fields) => Ok(Message::new(fields, self.key.clone())),
            _ => self.expected("a message in braces"),
        }
    }

    pub(super) fn bytes(&self) -> Read<Vec<u8>> {
        match &self.field.value {
            Value::Text(bytes) => Ok(bytes.clone()),
            _ => self.expected("a text in quotation marks"),
        }
    }

    pub(super) fn text(&self) -> Read<String> {
        match String::from_utf8(self.bytes()?) {
            Ok(text) => Ok(text),
            Err(_) => self.expected("a text in UTF-8"),
        }
    }

    pub(super) fn number(&self) -> Read<u64> {
        let Value::Word(word) = &self.field.value else {
            return self.expected("a number");
        };
        let number = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => match word.strip_prefix('0').filter(|digits| !digits.is_empty()) {
                Some(digits) => u64::from_str_radix(digits, 8),
                None => word.parse(),
            },
        };
        number.or_else(|_| self.expected("a whole number, not below 0"))
    }

    /// A number of pieces or bytes.
    pub(super) fn count(&self) -> Read<usize> {
        match usize::try_from(self.number()?) {
            Ok(count) if count > 0 => Ok(count),
            _ => self.expected("a number from 1 on"),
        }
    }

    pub(super) fn flag(&self) -> Read<bool> {
        match &self.field.value {
            Value::Word(word) if ["true", "True", "t", "1"].contains(&word.as_str()) => Ok(true),
            Value::Word(word) if ["false", "False", "f", "0"].contains(&word.as_str()) => Ok(false),
            _ => self.expected("`true` or `false`"),
        }
    }
}

/// The fields of a message.
pub(super) struct Message<'f> {
    pub(super) fields: &'f [Field],
    pub(super) key: String,
}

/// What has no effect, with its line.
pub(super) type Unused = Vec<(usize, String)>;

impl<'f> Message<'f> {
    pub(super) fn new(fields: &'f [Field], key: String) -> Self {
        Self { fields, key }
    }

    /// Reads each field. Fields of one name are counted from 0.
    pub(super) fn each(
        &self,
        known: &'static [&'static str],
        unused: &mut Unused,
        mut read: impl FnMut(&str, &At<'f>, &mut Unused) -> Read<()>,
    ) -> Read<()> {
        for (index, field) in self.fields.iter().enumerate() {
            let of_name = |other: &&Field| other.name == field.name;
            let all = self.fields.iter().filter(of_name).count();
            let before = self.fields.iter().take(index).filter(of_name).count();
            let mut key = match self.key.as_str() {
                "" => field.name.clone(),
                outer => format!("{outer}.{}", field.name),
            };
            if all > 1 {
                key.push_str(&format!("[{before}]"));
            }
            read(&field.name, &At { field, key, known }, unused)?;
        }
        Ok(())
    }
}
