//! The door: files in, one site and what is wrong with it out.

use super::merge::Builder;
use super::tree::{self, Node};
use super::{Site, cluster_config, portwright};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Sources, Span};

/// Bytes of one file.
const MAX_BYTES: usize = 16 << 20;

/// A site, and what was said about the files it came from.
#[derive(Debug, Clone)]
pub struct Read {
    /// What was understood.
    pub site: Site,
    /// What was not, and what contradicts.
    pub diagnostics: Vec<Diagnostic>,
    /// The format of each file that was recognised, by [`Format::id`].
    pub formats: Vec<(SourceId, &'static str)>,
}

/// An inventory format.
#[derive(Debug)]
pub struct Format {
    /// Stable identifier, for example `cluster-config`.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Whether a file is of this format.
    detect: fn(&Input<'_>) -> bool,
    /// Reads a file of this format.
    read: fn(&mut Builder, &Input<'_>),
}

/// Every format, in the order in which they are tried: the more specific first.
pub static FORMATS: &[Format] = &[
    Format {
        id: "portwright",
        title: "Portwright site file",
        detect: portwright::detect,
        read: portwright::read,
    },
    Format {
        id: "cluster-config",
        title: "DCE installer clusterConfig.yaml",
        detect: cluster_config::detect,
        read: cluster_config::read,
    },
];

/// One file.
pub(crate) struct Input<'a> {
    /// Which one.
    pub id: SourceId,
    /// Its text, without a byte order mark's meaning.
    pub text: &'a str,
    /// Its YAML or JSON documents; what could be read of them.
    pub documents: &'a [Node<'a>],
    /// Its name without folder and ending: names what the file itself leaves unnamed.
    pub stem: &'a str,
    /// Kubespray variables of files that hold nothing else.
    pub variables: &'a [&'a Node<'a>],
}

impl Input<'_> {
    /// The first line, for what is said about the whole file.
    pub fn head(&self) -> Span {
        let end = self.text.find('\n').unwrap_or(self.text.len());
        Span::new(self.id, 0, end)
    }
}

/// Reads files of any known inventory format into one site. Never fails as a whole: what was
/// understood is in the site, the rest in the diagnostics.
#[must_use]
pub fn read(sources: &Sources, ids: &[SourceId]) -> Read {
    let mut builder = Builder::default();
    let mut formats = Vec::new();
    for &id in ids {
        let Some(source) = sources.get(id) else {
            continue;
        };
        if source.text().len() > MAX_BYTES {
            let message = format!(
                "more than {} MiB in one file; it is not read",
                MAX_BYTES >> 20
            );
            let diagnostic = Diagnostic::new(&input::LIMIT, message).at(Span::new(id, 0, 0));
            builder.report(diagnostic.help("split the file"));
            continue;
        }
        if let Some(format) = file(&mut builder, id, source.name(), source.text()) {
            formats.push((id, format));
        }
    }
    let (site, diagnostics) = builder.finish();
    Read {
        site,
        diagnostics,
        formats,
    }
}

fn file(builder: &mut Builder, id: SourceId, name: &str, text: &str) -> Option<&'static str> {
    let tree = tree::parse(text, id);
    let input = Input {
        id,
        text,
        documents: &tree.documents,
        stem: stem(name),
        variables: &[],
    };
    let format = FORMATS.iter().find(|format| (format.detect)(&input));
    let Some(format) = format else {
        builder.report(unknown(&input));
        return None;
    };
    for diagnostic in tree.diagnostics {
        builder.report(diagnostic);
    }
    (format.read)(builder, &input);
    Some(format.id)
}

fn unknown(input: &Input<'_>) -> Diagnostic {
    let titles: Vec<&str> = FORMATS.iter().map(|format| format.title).collect();
    let message = "no known inventory format recognises this file";
    Diagnostic::new(&input::UNKNOWN_FORMAT, message)
        .at(input.head())
        .help(format!("expected one of: {}", titles.join(", ")))
}

fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ if file.is_empty() => "cluster",
        _ => file,
    }
}
