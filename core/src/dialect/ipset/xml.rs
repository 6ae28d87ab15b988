//! `ipset list -o xml` and `ipset save -o xml`.
//!
//! ipset does not escape: a comment may hold `<` and `&`, so no XML reader would do.

use super::read::Reading;

/// A tag, and the text behind it up to the next one.
struct Tag<'a> {
    /// Its name, with a `/` before it where it closes.
    name: &'a str,
    /// What stands behind the name.
    attributes: &'a str,
    /// What stands behind the tag.
    text: &'a str,
    /// Where it begins.
    start: usize,
    /// Where the text behind it ends.
    end: usize,
}

/// The set and the element that are being read.
#[derive(Default)]
struct State<'a> {
    name: &'a str,
    kind: &'a str,
    opened: usize,
    header: bool,
    /// Whether the set exists already.
    made: bool,
    announced: usize,
    words: Vec<&'a str>,
    element: &'a str,
    member: usize,
}

/// Reads every set.
pub(super) fn read(text: &str, reading: &mut Reading<'_>) {
    let mut state = State::default();
    let mut at = 0;
    let mut closed = false;
    while let Some(tag) = next(text, at) {
        at = tag.end;
        closed = tag.name == "/ipsets";
        state.take(&tag, reading);
    }
    if !closed {
        let span = reading.span(text.len(), text.len());
        if state.made {
            state.fault("the export is cut off", reading, span);
        } else {
            reading.fault(None, "expected `</ipsets>` at the end".into(), span);
        }
    }
}

impl<'a> State<'a> {
    fn fault(&self, message: &str, reading: &mut Reading<'_>, span: crate::source::Span) {
        reading.fault(Some(self.name), message.into(), span);
    }

    fn take(&mut self, tag: &Tag<'a>, reading: &mut Reading<'_>) {
        match tag.name {
            "ipset" => {
                *self = Self {
                    name: name_of(tag.attributes),
                    opened: tag.start,
                    ..Self::default()
                };
            }
            "type" => self.kind = tag.text.trim(),
            "header" => {
                self.header = true;
                self.words.clear();
            }
            "numentries" => self.announced = tag.text.trim().parse().unwrap_or(0),
            "/header" => {
                let span = reading.span(self.opened, tag.start);
                reading.create(self.name, self.kind, &self.words, span);
                self.made = true;
                self.header = false;
            }
            "member" => {
                self.words.clear();
                self.element = "";
                self.member = tag.start;
                // Lists of ipset 6 had no `<elem>`.
                let text = tag.text.trim();
                if !text.is_empty() {
                    self.element = text;
                }
            }
            "elem" => self.element = tag.text.trim(),
            "/member" => {
                let span = reading.span(self.member, tag.start);
                reading.add(self.name, self.element, &self.words, span);
            }
            "/ipset" => {
                let span = reading.span(self.opened, self.opened);
                if self.made {
                    reading.incomplete(self.name, self.announced, span);
                } else {
                    reading.create(self.name, self.kind, &[], span);
                    let message = format!("set `{}` has no `<header>`", self.name);
                    reading.fault(Some(self.name), message, span);
                }
            }
            other if other.starts_with('/') => {}
            "ipsets" | "revision" | "memsize" | "references" | "members" | "comment" => {}
            option => {
                self.words.push(option.trim_end_matches('/'));
                let value = tag.text.trim();
                if !value.is_empty() {
                    self.words.push(value);
                }
            }
        }
    }
}

/// The value of `name="…"`; names are not escaped either.
fn name_of(attributes: &str) -> &str {
    let value = attributes
        .trim()
        .strip_prefix("name=\"")
        .unwrap_or(attributes.trim());
    value.strip_suffix('"').unwrap_or(value)
}

/// The next tag from a place on. A quoted comment ends at `"</comment>`.
fn next(text: &str, from: usize) -> Option<Tag<'_>> {
    let start = from + text.get(from..)?.find('<')?;
    let close = start + text.get(start..)?.find('>')?;
    let inner = text.get(start + 1..close)?;
    let (name, attributes) = inner
        .split_once(|c: char| c.is_ascii_whitespace())
        .unwrap_or((inner, ""));
    let rest = text.get(close + 1..)?;
    let length = if name == "comment" && rest.starts_with('"') {
        rest.find("\"</comment>").map_or(rest.len(), |at| at + 1)
    } else {
        rest.find('<').unwrap_or(rest.len())
    };
    Some(Tag {
        name,
        attributes,
        text: rest.get(..length)?,
        start,
        end: close + 1 + length,
    })
}
