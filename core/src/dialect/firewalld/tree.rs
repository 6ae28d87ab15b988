//! firewalld's two ways to write the same thing, XML and the rich language, as one tree.

use crate::source::{SourceId, Span};

/// Deepest nesting that is read; firewalld's files nest four deep.
const DEEPEST: usize = 16;

/// Most elements of one file.
const MOST_NODES: u32 = 2_000_000;

/// An element with its attributes.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// Name of the tag.
    pub name: String,
    /// Its start tag, or its words.
    pub span: Span,
    /// Names and values.
    pub attributes: Vec<Attribute>,
    /// Elements inside.
    pub children: Vec<Element>,
    /// Text directly inside, and where it begins; empty where there is none. Entities are
    /// resolved, so offsets hold only where the source has the same bytes.
    pub text: (String, Span),
}

/// One attribute.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Where the value stands.
    pub span: Span,
}

/// Something that cannot be read, at its place.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Where.
    pub span: Span,
    /// What was expected.
    pub message: String,
}

impl Fault {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }
}

impl Element {
    /// An attribute's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.name == name)?;
        Some(found.value.as_str())
    }

    /// An attribute that must be there.
    pub(super) fn need(&self, name: &str) -> Result<&Attribute, Fault> {
        let found = self.attributes.iter().find(|a| a.name == name);
        found.ok_or_else(|| {
            Fault::new(
                self.span,
                format!("`{}` needs the attribute `{name}`", self.name),
            )
        })
    }
}

/// Reads an XML document. Document type definitions are refused, so there are no entities but
/// XML's own five.
pub(super) fn xml(text: &str, source: SourceId) -> Result<Element, Fault> {
    let shift = text.len() - text.trim_start_matches('\u{feff}').len();
    let body = text.get(shift..).unwrap_or(text);
    too_deep(body, source, shift)?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..roxmltree::ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(body, options).map_err(|error| {
        let at = offset(body, error.pos()) + shift;
        Fault::new(Span::new(source, at, at), reason(&error))
    })?;
    Ok(element(document.root_element(), source, shift))
}

fn reason(error: &roxmltree::Error) -> String {
    match error {
        roxmltree::Error::DtdDetected => {
            "a document type definition is not read: firewalld's files have none".into()
        }
        roxmltree::Error::NodesLimitReached => {
            format!("more than {MOST_NODES} elements in one file")
        }
        other => format!("this is not well-formed XML: {other}"),
    }
}

/// The byte at a line and column.
fn offset(text: &str, position: roxmltree::TextPos) -> usize {
    let line = text
        .split_inclusive('\n')
        .take(position.row.saturating_sub(1) as usize)
        .map(str::len)
        .sum::<usize>();
    let rest = text.get(line..).unwrap_or("");
    let column = position.col.saturating_sub(1) as usize;
    let within = rest.char_indices().nth(column);
    line + within.map_or(rest.len(), |(at, _)| at)
}

/// Refuses nesting that no reader should follow, before any tree is built.
fn too_deep(text: &str, source: SourceId, shift: usize) -> Result<(), Fault> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        at += found;
        let rest = text.get(at..).unwrap_or("");
        let skip = |end: &str| {
            rest.find(end)
                .map_or(rest.len(), |length| length + end.len())
        };
        let length = if rest.starts_with("<!--") {
            skip("-->")
        } else if rest.starts_with("<![CDATA[") {
            skip("]]>")
        } else {
            let length = skip(">");
            let tag = rest.get(..length).unwrap_or(rest);
            if tag.starts_with("</") {
                depth = depth.saturating_sub(1);
            } else if !tag.starts_with("<!") && !tag.starts_with("<?") && !tag.ends_with("/>") {
                depth += 1;
            }
            length
        };
        if depth > DEEPEST {
            let at = at + shift;
            return Err(Fault::new(
                Span::new(source, at, at),
                format!("elements are nested more than {DEEPEST} deep"),
            ));
        }
        at += length;
    }
    Ok(())
}

fn element(node: roxmltree::Node<'_, '_>, source: SourceId, shift: usize) -> Element {
    let whole = node.range();
    let input = node.document().input_text();
    let tag = input.get(whole.clone()).and_then(start_tag);
    let end = tag.map_or(whole.end, |length| whole.start + length);
    let attributes = node.attributes().map(|a| {
        let value = a.range_value();
        Attribute {
            name: a.name().to_owned(),
            value: a.value().to_owned(),
            span: Span::new(source, value.start + shift, value.end + shift),
        }
    });
    let text = node.children().find(|child| child.is_text());
    let place = text.map_or(end..end, |child| child.range());
    Element {
        name: node.tag_name().name().to_owned(),
        span: Span::new(source, whole.start + shift, end + shift),
        attributes: attributes.collect(),
        children: node
            .children()
            .filter(roxmltree::Node::is_element)
            .map(|child| element(child, source, shift))
            .collect(),
        text: (
            text.and_then(|child| child.text()).unwrap_or("").to_owned(),
            Span::new(source, place.start + shift, place.end + shift),
        ),
    }
}

/// Length of a start tag: up to the `>` that no quotes hold.
fn start_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('>', None) => return Some(at + 1),
            ('"' | '\'', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// Reads a rule of the rich language, for example
/// `rule family="ipv4" source NOT address="10.0.0.0/8" service name="ssh" accept`, that begins at
/// this offset of the source.
pub(super) fn rich(text: &str, source: SourceId, start: usize) -> Result<Element, Fault> {
    let whole = Span::new(source, start, start + text.len());
    let mut flat: Vec<Element> = Vec::new();
    for (word, span) in rich_words(text, source, start)? {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None if matches!(word.as_str(), "not" | "NOT") => ("invert", Some("yes")),
            None => (word.as_str(), None),
        };
        match (value, flat.last_mut()) {
            (Some(value), Some(element)) => element.attributes.push(Attribute {
                name: name.to_owned(),
                value: value.to_owned(),
                span,
            }),
            (Some(_), None) => return Err(Fault::new(span, "a rich rule begins with `rule`")),
            (None, _) => flat.push(Element {
                name: name.to_owned(),
                span,
                attributes: Vec::new(),
                children: Vec::new(),
                text: (String::new(), span),
            }),
        }
    }
    let mut elements = flat.into_iter();
    let Some(mut rule) = elements.next().filter(|first| first.name == "rule") else {
        return Err(Fault::new(whole, "a rich rule begins with `rule`"));
    };
    rule.span = whole;
    for element in elements {
        match rule.children.last_mut() {
            Some(limited) if element.name == "limit" => limited.children.push(element),
            _ => rule.children.push(element),
        }
    }
    Ok(rule)
}

/// Words with their places; quotes around a value are taken off.
fn rich_words(text: &str, source: SourceId, start: usize) -> Result<Vec<(String, Span)>, Fault> {
    let mut out = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert((at, String::new()));
            }
            (_, Some(open)) if c == open && at < text.len() => quote = None,
            (_, None) if c.is_whitespace() => {
                if let Some((from, text)) = word.take() {
                    out.push((text, Span::new(source, start + from, start + at)));
                }
            }
            _ => word.get_or_insert((at, String::new())).1.push(c),
        }
    }
    match word {
        Some((from, _)) => Err(Fault::new(
            Span::new(source, start + from, start + text.len()),
            "a quote is opened and not closed",
        )),
        None => Ok(out),
    }
}
