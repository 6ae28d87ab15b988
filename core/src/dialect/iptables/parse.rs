//! A rule line as the command line that it is: options with their values, grouped by the match or
//! target that they belong to.

use super::support;
use crate::source::{SourceId, Span};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A word of a line.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    /// Its text without quotes and escapes.
    pub text: Cow<'a, str>,
    /// Whether it was quoted, so that a leading dash starts no option.
    pub quoted: bool,
    /// Byte offset in the source.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// An option with its values, for example `! --dport 22`.
#[derive(Debug, Clone)]
pub(super) struct Opt<'a> {
    /// Whether a `!` stands before it (or, in old exports, before its value).
    pub negated: bool,
    /// Its name with the dashes.
    pub name: Word<'a>,
    /// What follows it.
    pub values: SmallVec<[Word<'a>; 1]>,
}

/// A match (`-m`) or target (`-j`, `-g`) with its options.
#[derive(Debug, Clone)]
pub(super) struct Module<'a> {
    /// Its name.
    pub name: Word<'a>,
    /// Its options in order.
    pub options: SmallVec<[Opt<'a>; 1]>,
}

/// A rule.
#[derive(Debug, Default)]
pub(super) struct Spec<'a> {
    /// Options that need no match: addresses, interfaces, protocol, `-f`.
    pub base: SmallVec<[Opt<'a>; 3]>,
    /// Matches in order. Those that a protocol brings along without `-m` are here too.
    pub matches: Vec<Module<'a>>,
    /// The target.
    pub target: Option<Module<'a>>,
    /// Whether the target was given with `-g`.
    pub goto: bool,
}

/// Something that cannot be read, at its place.
#[derive(Debug)]
pub(super) struct Fault {
    /// Byte offsets in the source; none: the whole line.
    pub place: Option<(usize, usize)>,
    /// What was expected.
    pub message: String,
}

impl Fault {
    /// A fault at a word.
    pub(super) fn at(word: &Word<'_>, message: impl Into<String>) -> Self {
        Self {
            place: Some((word.start, word.end)),
            message: message.into(),
        }
    }

    /// A fault of the whole line.
    pub(super) fn line(message: impl Into<String>) -> Self {
        Self {
            place: None,
            message: message.into(),
        }
    }

    /// Where to point at.
    pub(super) fn span(&self, source: SourceId, line: Span) -> Span {
        self.place
            .map_or(line, |(start, end)| Span::new(source, start, end))
    }
}

impl<'a> Opt<'a> {
    /// Its only value.
    pub(super) fn value(&self) -> Result<&Word<'a>, Fault> {
        match self.values.as_slice() {
            [value] => Ok(value),
            [] => Err(Fault::at(
                &self.name,
                format!("`{}` needs a value", self.name.text),
            )),
            [_, extra, ..] => Err(Fault::at(
                extra,
                format!(
                    "`{}` takes one value, found `{}` behind it",
                    self.name.text, extra.text
                ),
            )),
        }
    }
}

/// Splits a line into words as `iptables-restore` does: double quotes group, a backslash inside
/// them takes the next character as it is.
pub(super) fn words(line: &str, offset: usize) -> Result<SmallVec<[Word<'_>; 24]>, Fault> {
    let bytes = line.as_bytes();
    let mut out = SmallVec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or(&[]);
        let length = rest
            .iter()
            .position(|b| b.is_ascii_whitespace() || *b == b'"')
            .unwrap_or(rest.len());
        let plain = line.get(at..at + length).unwrap_or("");
        let word = if rest.get(length) == Some(&b'"') {
            let mut word = quoted(line, at + length, offset)?;
            if !plain.is_empty() {
                // A quote may open inside a word.
                word.text = Cow::Owned(format!("{plain}{}", word.text));
                word.start = offset + at;
            }
            word
        } else {
            Word {
                text: Cow::Borrowed(plain),
                quoted: false,
                start: offset + at,
                end: offset + at + length,
            }
        };
        at = word.end - offset;
        out.push(word);
    }
    Ok(out)
}

fn quoted(line: &str, open: usize, offset: usize) -> Result<Word<'_>, Fault> {
    let inner = line.get(open + 1..).unwrap_or("");
    let mut text = String::new();
    let mut escaped = false;
    let mut escapes = false;
    for (at, c) in inner.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                escapes = true;
                continue;
            }
            '"' if !escaped => {
                let end = open + 1 + at + 1;
                return Ok(Word {
                    text: if escapes {
                        Cow::Owned(text)
                    } else {
                        Cow::Borrowed(inner.get(..at).unwrap_or(""))
                    },
                    quoted: true,
                    start: offset + open,
                    end: offset + end,
                });
            }
            _ => text.push(c),
        }
        escaped = false;
    }
    Err(Fault {
        place: Some((offset + open, offset + line.len())),
        message: "a quote is opened and not closed; expected `\"` before the end of the line"
            .into(),
    })
}

/// Where options go at the moment.
#[derive(Clone, Copy, PartialEq)]
enum Current {
    Nothing,
    Match(usize),
    Target,
}

/// Groups the words of a rule (behind the chain's name).
pub(super) fn spec<'a>(words: &[Word<'a>]) -> Result<Spec<'a>, Fault> {
    let mut spec = Spec::default();
    let mut current = Current::Nothing;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let mut negated = false;
        let mut name = word;
        if word.text == "!" && !word.quoted {
            negated = true;
            at += 1;
            name = words
                .get(at)
                .ok_or_else(|| Fault::at(word, "expected an option behind `!`"))?;
        }
        if !is_option(name) {
            return Err(Fault::at(
                name,
                format!(
                    "expected an option such as `-s` or `--dport`, found `{}`",
                    name.text
                ),
            ));
        }
        at += 1;
        let (values, next, inner) = values(words, at, name);
        at = next;
        let option = Opt {
            negated: negated ^ inner,
            name: name.clone(),
            values,
        };
        current = place(&mut spec, option, current)?;
    }
    Ok(spec)
}

fn is_option(word: &Word<'_>) -> bool {
    !word.quoted && word.text.len() > 1 && word.text.starts_with('-')
}

/// The values that follow an option, where the next option begins, and whether a `!` stood
/// before the values (`-s ! 10.0.0.0/8`, before iptables 1.4.3).
fn values<'a>(
    words: &[Word<'a>],
    mut at: usize,
    name: &Word<'a>,
) -> (SmallVec<[Word<'a>; 1]>, usize, bool) {
    let mut out = SmallVec::new();
    let mut negated = false;
    let bang = |word: Option<&Word<'_>>| word.is_some_and(|w| w.text == "!" && !w.quoted);
    if bang(words.get(at)) && words.get(at + 1).is_some_and(|w| !is_option(w)) {
        negated = true;
        at += 1;
    }
    if support::takes_any_word(&name.text) {
        if let Some(word) = words.get(at) {
            out.push(word.clone());
            at += 1;
        }
        return (out, at, negated);
    }
    while let Some(word) = words.get(at) {
        if is_option(word) || bang(Some(word)) {
            break;
        }
        out.push(word.clone());
        at += 1;
    }
    (out, at, negated)
}

/// Puts an option where it belongs and says where the next ones go.
fn place<'a>(spec: &mut Spec<'a>, option: Opt<'a>, current: Current) -> Result<Current, Fault> {
    let long = support::long_name(&option.name.text);
    match long {
        "--match" => {
            let name = option.value()?.clone();
            spec.matches.push(Module {
                name,
                options: SmallVec::new(),
            });
            return Ok(Current::Match(spec.matches.len() - 1));
        }
        "--jump" | "--goto" => {
            if let Some(first) = &spec.target {
                return Err(Fault::at(
                    &option.name,
                    format!("a second target behind `{}`", first.name.text),
                ));
            }
            spec.goto = long == "--goto";
            spec.target = Some(Module {
                name: option.value()?.clone(),
                options: SmallVec::new(),
            });
            return Ok(Current::Target);
        }
        _ => {}
    }
    // `-m policy` has a `--proto` of its own.
    let of_policy = long == "--protocol"
        && option.name.text == "--proto"
        && matches!(current, Current::Match(at)
            if spec.matches.get(at).is_some_and(|m| m.name.text == "policy"));
    if support::is_base_option(long) && !of_policy {
        spec.base.push(option);
        return Ok(current);
    }
    if let Current::Match(at) = current
        && let Some(module) = spec.matches.get_mut(at)
        && support::has_option(&module.name.text, &option.name.text) != Some(false)
        && !(support::has_option(&module.name.text, &option.name.text).is_none()
            && support::is_port_option(&option.name.text))
    {
        module.options.push(option);
        return Ok(current);
    }
    let known = |module: &Module<'_>| {
        support::has_option(&module.name.text, &option.name.text) == Some(true)
    };
    if let Some(at) = spec.matches.iter().rposition(known) {
        if let Some(module) = spec.matches.get_mut(at) {
            module.options.push(option);
        }
        return Ok(current);
    }
    if let Some(name) = implicit_match(spec, &option) {
        spec.matches.push(Module {
            name,
            options: SmallVec::from_iter([option]),
        });
        return Ok(match current {
            Current::Nothing => Current::Match(spec.matches.len() - 1),
            other => other,
        });
    }
    let owner = match current {
        Current::Target => spec.target.as_mut(),
        Current::Match(at) => spec.matches.get_mut(at),
        Current::Nothing => None,
    };
    match owner {
        Some(module) => module.options.push(option),
        None => {
            return Err(Fault::at(
                &option.name,
                format!(
                    "`{}` belongs to no match; expected `-m NAME` or `-p PROTOCOL` before it",
                    option.name.text
                ),
            ));
        }
    }
    Ok(current)
}

/// `-p tcp` brings along the options of `-m tcp`.
fn implicit_match<'a>(spec: &Spec<'a>, option: &Opt<'a>) -> Option<Word<'a>> {
    let protocol = spec
        .base
        .iter()
        .find(|o| support::long_name(&o.name.text) == "--protocol" && !o.negated)?;
    let name = support::match_of_protocol(&protocol.values.first()?.text)?;
    (support::has_option(name, &option.name.text) == Some(true)).then(|| Word {
        text: Cow::Borrowed(name),
        ..option.name.clone()
    })
}
