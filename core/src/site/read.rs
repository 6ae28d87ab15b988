//! The door: files in, one site and what is wrong with it out.

use super::merge::Builder;
use super::tree::{self, Node, Tree};
use super::{
    Site, ansible_ini, ansible_json, ansible_yaml, cluster_config, csv, group_vars, kubean,
    kubectl, portwright,
};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Sources, Span};
use std::collections::BTreeSet;

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
    /// Whether it is read line by line, not as YAML or JSON.
    lines: bool,
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
        lines: false,
        detect: portwright::detect,
        read: portwright::read,
    },
    Format {
        id: "cluster-config",
        title: "DCE installer clusterConfig.yaml",
        lines: false,
        detect: cluster_config::detect,
        read: cluster_config::read,
    },
    Format {
        id: "kubean",
        title: "Kubean ConfigMaps and Cluster",
        lines: false,
        detect: kubean::detect,
        read: kubean::read,
    },
    Format {
        id: "kubectl-nodes",
        title: "kubectl get nodes -o json",
        lines: false,
        detect: kubectl::detect,
        read: kubectl::read,
    },
    Format {
        id: "ansible-json",
        title: "ansible-inventory --list",
        lines: false,
        detect: ansible_json::detect,
        read: ansible_json::read,
    },
    Format {
        id: "ansible-yaml",
        title: "Ansible inventory (YAML)",
        lines: false,
        detect: ansible_yaml::detect,
        read: ansible_yaml::read,
    },
    Format {
        id: "group-vars",
        title: "Kubespray group variables",
        lines: false,
        detect: group_vars::detect,
        read: group_vars::read,
    },
    Format {
        id: "csv",
        title: "CSV with a header",
        lines: true,
        detect: csv::detect,
        read: csv::read,
    },
    Format {
        id: "ansible-ini",
        title: "Ansible inventory (INI)",
        lines: true,
        detect: ansible_ini::detect,
        read: ansible_ini::read,
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
    let files: Vec<File<'_>> = ids
        .iter()
        .filter_map(|&id| File::open(&mut builder, sources, id))
        .collect();
    // Group variables belong to the one inventory that is given with them.
    let is =
        |file: &&File<'_>, formats: &[&str]| file.format.is_some_and(|f| formats.contains(&f.id));
    let takers = files.iter().filter(|f| is(f, TAKES_VARIABLES)).count();
    let variables: Vec<&Node<'_>> = files
        .iter()
        .filter(|file| takers == 1 && is(file, &["group-vars"]))
        .flat_map(|file| &file.tree.documents)
        .collect();
    let mut formats = Vec::new();
    for file in &files {
        let input = file.input(&variables);
        let Some(format) = file.format else {
            file.unreadable(&mut builder);
            builder.report(unknown(&input));
            continue;
        };
        for diagnostic in &file.tree.diagnostics {
            builder.report(diagnostic.clone());
        }
        (format.read)(&mut builder, &input);
        formats.push((file.id, format.id));
    }
    let (site, mut diagnostics) = builder.finish();
    diagnostics.extend(not_given(sources, ids, &site));
    Read {
        site,
        diagnostics,
        formats,
    }
}

/// Formats whose Kubespray variables may be in files of their own.
const TAKES_VARIABLES: &[&str] = &["kubean", "ansible-ini", "ansible-yaml", "ansible-json"];

/// A file with what it holds.
struct File<'a> {
    id: SourceId,
    text: &'a str,
    stem: &'a str,
    tree: Tree<'a>,
    format: Option<&'static Format>,
}

impl<'a> File<'a> {
    /// None when it is too large.
    fn open(builder: &mut Builder, sources: &'a Sources, id: SourceId) -> Option<Self> {
        let source = sources.get(id)?;
        let text = source.text();
        if text.len() > MAX_BYTES {
            let message = format!(
                "more than {} MiB in one file; it is not read",
                MAX_BYTES >> 20
            );
            let diagnostic = Diagnostic::new(&input::LIMIT, message).at(Span::new(id, 0, 0));
            builder.report(diagnostic.help("split the file"));
            return None;
        }
        let mut file = Self {
            id,
            text,
            stem: stem(source.name()),
            tree: tree::parse(text, id),
            format: None,
        };
        let input = file.input(&[]);
        file.format = FORMATS.iter().find(|format| (format.detect)(&input));
        if file.format.is_some_and(|format| format.lines) {
            // What the YAML parser says about a text that is no YAML helps nobody.
            file.tree = Tree::default();
        }
        Some(file)
    }

    /// What the YAML parser says about a file of no known format, when it looks like YAML at all.
    fn unreadable(&self, builder: &mut Builder) {
        let structured = self.tree.documents.iter().any(Node::is_mapping);
        for diagnostic in &self.tree.diagnostics {
            if structured || diagnostic.code == &input::LIMIT {
                builder.report(diagnostic.clone());
            }
        }
    }

    fn input<'f>(&'f self, variables: &'f [&'f Node<'f>]) -> Input<'f> {
        Input {
            id: self.id,
            text: self.text,
            documents: &self.tree.documents,
            stem: self.stem,
            variables,
        }
    }
}

/// Without an inventory that belongs to it, a site would silently lack hosts.
fn not_given(sources: &Sources, ids: &[SourceId], site: &Site) -> Vec<Diagnostic> {
    let file = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
    let given: BTreeSet<String> = ids.iter().map(|&id| file(sources.name(id))).collect();
    let missing = site.inventories.iter();
    let missing = missing.filter(|one| !given.contains(&file(&one.path)));
    let said = missing.map(|one| {
        let message = format!("the inventory `{}` is not among the inputs", one.path);
        Diagnostic::new(&input::DANGLING, message)
            .at(one.span)
            .help("give it as well: the site lacks what it holds")
    });
    said.collect()
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
