//! YAML as a tree with lines: aliases are resolved, and so are merge keys (`<<`), which YAML 1.1 has and authors use.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::tree::{Member, Node, Tree, Value};

/// The tree of the first document in a YAML text.
///
/// # Errors
///
/// The text is not YAML.
pub(super) fn parse(text: &str) -> Result<Tree, ScanError> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event?;
        if event == Event::DocumentEnd {
            break;
        }
        builder.take(event, span);
    }
    if builder.tree.nodes().is_empty() {
        builder.tree.add(1, Value::Null);
    }
    Ok(builder.tree)
}

#[derive(Default)]
struct Builder {
    tree: Tree,
    /// The lists and objects around what comes next.
    open: Vec<Open>,
    /// Nodes by the numbers of their anchors.
    anchors: HashMap<usize, usize>,
}

/// A list or an object that has not ended.
struct Open {
    node: usize,
    /// The name of the member that comes next, and its line.
    name: Option<(String, usize)>,
    /// What the object takes over from others.
    merged: Vec<usize>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) {
        let line = span.start.line();
        match event {
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).copied();
                let node = known.unwrap_or_else(|| self.tree.add(line, Value::Null));
                self.place(node, line);
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.expects_name() {
                    // A name that is there twice through an anchor is as it is written.
                    self.begin_member(text.into_owned(), line);
                    return;
                }
                let is_text =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let value = match style {
                    ScalarStyle::Plain if !is_text => plain(&text),
                    _ => Value::Text(text.into_owned()),
                };
                let node = self.new_node(line, value, anchor);
                self.place(node, line);
            }
            Event::SequenceStart(anchor, _) => self.enter(Value::List(Vec::new()), line, anchor),
            Event::MappingStart(anchor, _) => self.enter(Value::Object(Vec::new()), line, anchor),
            Event::SequenceEnd => {
                self.open.pop();
            }
            Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.merge(&open);
                }
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    fn new_node(&mut self, line: usize, value: Value, anchor: usize) -> usize {
        let node = self.tree.add(line, value);
        // 0 is none.
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        node
    }

    fn enter(&mut self, value: Value, line: usize, anchor: usize) {
        let node = self.new_node(line, value, anchor);
        self.place(node, line);
        self.open.push(Open {
            node,
            name: None,
            merged: Vec::new(),
        });
    }

    /// Whether an object waits for the name of its next member.
    fn expects_name(&self) -> bool {
        self.open.last().is_some_and(|open| {
            let node = self.tree.node(open.node);
            open.name.is_none() && node.is_some_and(|node| matches!(node.value, Value::Object(_)))
        })
    }

    fn begin_member(&mut self, name: String, line: usize) {
        if let Some(open) = self.open.last_mut() {
            open.name = Some((name, line));
        }
    }

    /// Puts a value where it belongs: into the list or the object around it.
    fn place(&mut self, node: usize, line: usize) {
        if self.expects_name() {
            // A list or an object as a name is nothing that JSON has.
            self.begin_member(String::new(), line);
            return;
        }
        let Some(open) = self.open.last_mut() else {
            return;
        };
        match open.name.take() {
            Some((name, _)) if name == "<<" => open.merged.push(node),
            Some((name, line)) => {
                let object = open.node;
                self.tree.add_member(object, Member { name, line, node });
            }
            None => {
                let list = open.node;
                if let Some(Node {
                    value: Value::List(items),
                    ..
                }) = self.tree.node_mut(list)
                {
                    items.push(node);
                }
            }
        }
    }

    /// Gives an object the members of those that it takes over, as far as it has none of that name itself.
    fn merge(&mut self, open: &Open) {
        let mut sources = Vec::new();
        for node in &open.merged {
            match self.tree.node(*node).map(|node| &node.value) {
                Some(Value::List(items)) => sources.extend(items.iter().copied()),
                _ => sources.push(*node),
            }
        }
        for source in sources {
            let members = match self.tree.node(source).map(|node| &node.value) {
                Some(Value::Object(members)) => members.clone(),
                _ => continue,
            };
            for member in members {
                if self.tree.member(open.node, &member.name).is_none() {
                    self.tree.add_member(open.node, member);
                }
            }
        }
    }
}

/// What a scalar without quotes is by YAML's core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.trim_start_matches(['-', '+']);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok();
    if is_number {
        Value::Number(text.to_owned())
    } else {
        Value::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'t>(tree: &'t Tree, way: &[&str]) -> &'t Node {
        let node = way.iter().fold(Tree::ROOT, |node, name| {
            tree.member(node, name).unwrap().node
        });
        tree.node(node).unwrap()
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let tree = parse(
            "base: &base\n  a: 1\n  b: two\nother: &other {c: '3'}\nuse:\n  <<: [*base, *other]\n  b: ~\nsame: *base\n",
        )
        .unwrap();
        let check = |way: &[&str], line: usize, expected: &str| {
            let node = member(&tree, way);
            assert_eq!(
                (node.line, format!("{:?}", node.value).as_str()),
                (line, expected)
            );
        };
        check(&["use", "a"], 2, "Number(\"1\")");
        check(&["use", "b"], 7, "Null");
        check(&["use", "c"], 4, "Text(\"3\")");
        check(&["same", "b"], 3, "Text(\"two\")");
        assert_eq!(tree.repeated, []);
    }

    #[test]
    fn an_alias_of_aliases_stays_as_small_as_it_is_written() {
        let mut text = "a0: &a0 [1]\n".to_owned();
        for number in 1..60 {
            let before = format!("*a{}", number - 1);
            text.push_str(&format!("a{number}: &a{number} [{before}, {before}]\n"));
        }
        assert!(parse(&text).unwrap().nodes().len() < 200);
        // One that holds itself is no endless tree either.
        assert!(parse("a: &a\n  b: *a\n").is_ok());
    }

    #[test]
    fn names_are_texts_and_repeated_ones_are_known() {
        let tree = parse("responses:\n  200: {}\n  '404': {}\n  200: {}\n? [a]\n: b\n").unwrap();
        assert_eq!(tree.repeated, [("200".to_owned(), 4)]);
        assert_eq!(member(&tree, &["responses", "404"]).line, 3);
        assert_eq!(parse("a: [\nb: }").unwrap_err().marker().line(), 2);
        assert_eq!(parse("").unwrap().nodes().len(), 1);
    }
}
