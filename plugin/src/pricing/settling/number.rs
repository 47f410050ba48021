//! A number in JSON that comes byte by byte.
//!
//! Of the text nothing is kept but how deeply the next byte is nested, in what, and the key or the value that is being read if it may be one
//! of those that are looked for. What is found is what is written there; whether it is a number is for others to say.

/// The most arrays and objects within each other.
const MAX_DEPTH: usize = 128;

/// The longest value that is kept, in bytes; longer ones are no numbers.
const MAX_VALUE: usize = 64;

/// Reads JSON texts, one behind the other, for the member to which some keys lead.
#[derive(Debug)]
pub(super) struct Numbers {
    keys: Vec<Vec<u8>>,
    /// The value of the member in the last text that has it.
    found: Option<String>,
    /// A bit for each array and object around the next byte, the innermost last: whether it is an object.
    objects: u128,
    depth: usize,
    /// How many of the keys lead to the innermost one that is on the way.
    on_the_way: usize,
    state: State,
    /// The key or the value that is being read.
    text: Vec<u8>,
    /// How many digits of an escape are to come, and what they say so far.
    digits: (u8, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value is to begin, which is the one that is looked for, or the way to it, or neither.
    Value(Way),
    /// In the text of a key.
    Key,
    /// Behind a key.
    Colon(Way),
    /// In a string, whether it is the one that is looked for, and whether it is escaped.
    Text { wanted: bool },
    /// In a number or a word, whether it is the one that is looked for.
    Word { wanted: bool },
    /// Behind a value.
    Behind,
    /// Where a key or the end of the object is.
    Member,
    /// Not JSON, or too deep.
    Broken,
}

/// What a value is on the way to what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Off,
    On,
    End,
}

/// What of an escape has been read.
const NO_ESCAPE: (u8, u32) = (0, 0);
const BACKSLASH: u8 = u8::MAX;

impl Numbers {
    pub(super) fn new(keys: &[String]) -> Self {
        let keys = keys.iter().map(|key| key.as_bytes().to_vec());
        let mut numbers = Self {
            keys: keys.collect(),
            found: None,
            objects: 0,
            depth: 0,
            on_the_way: 0,
            state: State::Broken,
            text: Vec::new(),
            digits: NO_ESCAPE,
        };
        numbers.restart();
        numbers
    }

    /// Begins anew.
    pub(super) fn restart(&mut self) {
        self.found = None;
        self.begin_text();
    }

    fn begin_text(&mut self) {
        (self.objects, self.depth, self.on_the_way) = (0, 0, 0);
        self.digits = NO_ESCAPE;
        self.state = State::Value(match self.keys.is_empty() {
            true => Way::End,
            false => Way::On,
        });
    }

    /// What has been found by now.
    pub(super) fn end(&mut self) -> Option<&str> {
        self.found.as_deref()
    }

    /// The next bytes. Texts that are not looked for are skipped to their ends.
    pub(super) fn read_all(&mut self, mut piece: &[u8]) {
        while let Some((byte, rest)) = piece.split_first() {
            let is_skipped = match self.state {
                State::Text { wanted } => !wanted && self.digits == NO_ESCAPE,
                State::Key => self.on_the_way != self.depth && self.digits == NO_ESCAPE,
                State::Broken => return,
                _ => false,
            };
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
            piece = match is_skipped && !ends(byte) {
                true => {
                    let end = piece.iter().position(ends).unwrap_or(piece.len());
                    piece.get(end..).unwrap_or_default()
                }
                false => {
                    self.read(*byte);
                    rest
                }
            };
        }
    }

    /// The next byte.
    pub(super) fn read(&mut self, byte: u8) {
        match self.state {
            State::Key | State::Text { .. } => return self.read_text(byte),
            State::Word { wanted } => {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
                    return self.keep(byte, wanted);
                }
                self.end_value(wanted);
            }
            _ => {}
        }
        if byte.is_ascii_whitespace() {
            return;
        }
        self.state = match (self.state, byte) {
            (State::Value(way), b'{' | b'[') => self.open(byte == b'{', way),
            (State::Value(_), b']') if self.depth > 0 && !self.in_object() => self.close(),
            (State::Value(way), b'"') => self.begin(State::Text {
                wanted: way == Way::End,
            }),
            (State::Value(way), b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                let wanted = way == Way::End;
                let state = self.begin(State::Word { wanted });
                self.keep(byte, wanted);
                state
            }
            // A byte order mark, which some servers put before everything.
            (State::Value(way), 0xef | 0xbb | 0xbf) if self.depth == 0 => State::Value(way),
            (State::Member, b'"') => self.begin(State::Key),
            (State::Member, b'}') => self.close(),
            (State::Colon(way), b':') => State::Value(way),
            (State::Behind, b',') if self.depth > 0 => match self.in_object() {
                true => State::Member,
                false => State::Value(Way::Off),
            },
            (State::Behind, b'}') if self.in_object() => self.close(),
            (State::Behind, b']') if self.depth > 0 && !self.in_object() => self.close(),
            _ => State::Broken,
        };
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects & 1 == 1
    }

    fn open(&mut self, object: bool, way: Way) -> State {
        if self.depth >= MAX_DEPTH {
            return State::Broken;
        }
        self.objects = self.objects << 1 | u128::from(object);
        self.depth = self.depth.saturating_add(1);
        if way == Way::On && object {
            self.on_the_way = self.depth;
        }
        match object {
            true => State::Member,
            false => State::Value(Way::Off),
        }
    }

    fn close(&mut self) -> State {
        self.on_the_way = self.on_the_way.min(self.depth.saturating_sub(1));
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.behind()
    }

    /// Behind a value: if it was a whole text, another one may follow.
    fn behind(&mut self) -> State {
        if self.depth == 0 {
            self.begin_text();
            return self.state;
        }
        State::Behind
    }

    fn begin(&mut self, state: State) -> State {
        self.text.clear();
        self.digits = NO_ESCAPE;
        state
    }

    fn keep(&mut self, byte: u8, wanted: bool) {
        // One more than the longest shows that it is longer.
        if wanted && self.text.len() <= self.longest() {
            self.text.push(byte);
        }
    }

    fn longest(&self) -> usize {
        let longest = self.keys.iter().map(Vec::len).max();
        longest.unwrap_or_default().max(MAX_VALUE)
    }

    fn end_value(&mut self, wanted: bool) {
        if wanted {
            let text = std::str::from_utf8(&self.text).ok();
            let text = text.filter(|text| text.len() <= MAX_VALUE);
            if text != Some("null") {
                self.found = text.map(str::to_owned);
            }
        }
        self.state = self.behind();
    }

    /// The next byte of a key or a string.
    fn read_text(&mut self, byte: u8) {
        let wanted = match self.state {
            State::Text { wanted } => wanted,
            _ => self.on_the_way == self.depth,
        };
        match self.digits {
            (BACKSLASH, _) => {
                self.digits = NO_ESCAPE;
                let byte = match byte {
                    b'u' => return self.digits = (4, 0),
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'f' => 12,
                    other => other,
                };
                self.keep(byte, wanted);
            }
            (0, _) if byte == b'\\' => self.digits = (BACKSLASH, 0),
            (0, _) if byte == b'"' => self.end_text(wanted),
            (0, _) => self.keep(byte, wanted),
            (left, so_far) => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    self.state = State::Broken;
                    return;
                };
                let code = so_far << 4 | digit;
                self.digits = (left.saturating_sub(1), code);
                if left == 1 {
                    self.digits = NO_ESCAPE;
                    // Of two surrogates neither is a character: no key that is looked for is written so.
                    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    let mut buffer = [0; 4];
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        self.keep(byte, wanted);
                    }
                }
            }
        }
    }

    fn end_text(&mut self, wanted: bool) {
        if let State::Text { wanted } = self.state {
            return self.end_value(wanted);
        }
        // The keys are those of the objects from the outermost on.
        let key = self.depth.checked_sub(1).filter(|_| wanted);
        let key = key.and_then(|place| Some((place, self.keys.get(place)?)));
        let way = match key {
            Some((place, key)) if *key == self.text => {
                match place.saturating_add(1) == self.keys.len() {
                    true => Way::End,
                    false => Way::On,
                }
            }
            _ => Way::Off,
        };
        self.state = State::Colon(way);
    }
}
