//! A filter with what sources have in them, which counts how often each line of it is executed; also built for this machine, where the
//! compiler's own instrumentation counts.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug)]
enum Mistake {
    Empty,
    Digit(char),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Digit(other) => write!(f, "no digit: {other}"),
        }
    }
}

trait Shape {
    fn area(&self) -> u64;

    fn double(&self) -> u64 {
        self.area() * 2
    }
}

struct Square(u64);

struct Nothing;

impl Shape for Square {
    fn area(&self) -> u64 {
        self.0 * self.0
    }
}

impl Shape for Nothing {
    fn area(&self) -> u64 {
        0
    }

    fn double(&self) -> u64 {
        unreachable!("nobody asks")
    }
}

fn number(text: &str) -> Result<u64, Mistake> {
    if text.is_empty() {
        return Err(Mistake::Empty);
    }
    let mut sum = 0;
    for digit in text.chars() {
        let value = digit.to_digit(10).ok_or(Mistake::Digit(digit))?;
        sum = sum * 10 + u64::from(value);
    }
    Ok(sum)
}

fn largest<T: PartialOrd + Copy>(of: &[T]) -> Option<T> {
    let (first, rest) = of.split_first()?;
    let mut largest = *first;
    for next in rest {
        if *next > largest {
            largest = *next;
        }
    }
    Some(largest)
}

fn collatz(mut from: u64) -> u32 {
    let mut steps = 0;
    while from != 1 {
        from = if from % 2 == 0 {
            from / 2
        } else {
            from * 3 + 1
        };
        steps += 1;
    }
    steps
}

fn pairs(most: u32) -> u32 {
    let mut found = 0;
    'outer: for a in 1..=most {
        for b in 1..=most {
            if a * b > 12 {
                continue 'outer;
            }
            if a + b == 9 {
                break 'outer;
            }
            found += 1;
        }
    }
    found
}

fn words(text: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    let mut rest = text.split(' ');
    while let Some(word) = rest.next() {
        let Some(first) = word.chars().next() else {
            continue;
        };
        if first == '#' {
            break;
        }
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

fn kind(of: u32) -> &'static str {
    match of {
        0 => "none",
        1 | 2 => "few",
        n if n % 2 == 0 => "even",
        3..=9 => "odd",
        _ => "many",
    }
}

fn never(deep: u32) -> u32 {
    if deep > 3 {
        deep
    } else {
        never(deep + 1)
    }
}

pub fn drive(count: u32) -> usize {
    let shapes: [Box<dyn Shape>; 2] = [Box::new(Square(3)), Box::new(Nothing)];
    let mut told = String::new();
    for shape in &shapes {
        let area = shape.area();
        if area > 0 {
            told.push_str(&format!("{}", shape.double()));
        }
    }
    for text in ["12", "", "7x"] {
        match number(text) {
            Ok(number) => told.push_str(&number.to_string()),
            Err(mistake) => told.push_str(&mistake.to_string()),
        }
    }
    let numbers: Vec<u32> = (0..count).filter(|number| number % 3 != 1).collect();
    if let Some(largest) = largest(&numbers) {
        told.push_str(kind(largest));
    }
    let none = largest::<u64>(&[]).map_or(1, |number| number * 2);
    let steps: u32 = (1..count).map(|from| collatz(from.into())).sum();
    if steps > 1000 {
        told.push_str(&never(0).to_string());
    }
    for of in [0, 2, 4] {
        told.push_str(kind(of));
    }
    told.len() + pairs(count) as usize + words("a b  a # c").len() + none as usize
}

#[cfg(target_arch = "wasm32")]
mod exports {
    #[unsafe(no_mangle)]
    pub extern "C" fn proxy_on_request_headers(_: u32, _: u32, _: u32) -> u32 {
        u32::from(super::drive(6) == 0)
    }

    #[unsafe(no_mangle)]
    pub extern "C" fn proxy_abi_version_0_2_1() {}

    #[unsafe(no_mangle)]
    pub extern "C" fn proxy_on_memory_allocate(_: usize) -> usize {
        1024
    }
}
