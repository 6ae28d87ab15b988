//! What texts are, and what an export probably guards.

use super::session::Session;
use super::{DetectRequest, DetectResult, Detected, GuardData, InventoryData};
use crate::dialect::{DIALECTS, Dialect};
use crate::site::{Host, Site, Stand};
use crate::source::{SourceId, Sources};

/// Dialects claim a text from this score on.
const CLAIMS: u8 = 30;

pub(super) fn detect(session: &mut Session, request: &DetectRequest) -> DetectResult {
    let ids = session.add(&request.documents);
    let site_documents = request.site.as_ref().map(|site| site.documents.as_slice());
    let site_ids = session.add(site_documents.unwrap_or_default());
    let site = (!site_ids.is_empty()).then(|| crate::site::read(&session.sources, &site_ids).site);
    let documents = ids
        .iter()
        .map(|&id| one(&session.sources, id, site.as_ref()));
    DetectResult {
        documents: documents.collect(),
        guards: site
            .as_ref()
            .map_or(Vec::new(), |site| guards(&session.sources, site)),
        inventories: site
            .as_ref()
            .map_or(Vec::new(), |site| inventories(&session.sources, site)),
    }
}

fn one(sources: &Sources, id: SourceId, site: Option<&Site>) -> Detected {
    let text = sources.get(id).map_or("", |source| source.text());
    let name = sources.name(id).to_owned();
    if let Some(dialect) = dialect(text) {
        return Detected {
            host: site
                .and_then(|site| guess(site, &name, text))
                .map(|host| host.name.clone()),
            name,
            kind: "export".into(),
            format: Some(dialect.id.into()),
        };
    }
    if text.lines().any(|line| line.starts_with("catalog:")) && text.contains("requirements:") {
        return Detected {
            name,
            kind: "catalog".into(),
            format: Some("catalog".into()),
            host: None,
        };
    }
    let formats = crate::site::read(sources, &[id]).formats;
    let format = formats.first().map(|(_, format)| (*format).to_owned());
    Detected {
        name,
        kind: if format.is_some() { "site" } else { "unknown" }.into(),
        format,
        host: None,
    }
}

/// The dialect that claims a text.
pub(super) fn dialect(text: &str) -> Option<&'static Dialect> {
    let scored = DIALECTS
        .iter()
        .map(|dialect| ((dialect.detect)(text), dialect));
    let claims = scored.filter(|(score, _)| *score >= CLAIMS);
    claims
        .max_by_key(|(score, _)| *score)
        .map(|(_, dialect)| dialect)
}

/// The host that an export probably guards: the one whose name is in the file's name, else the
/// one whose addresses are most often a destination.
pub(super) fn guess<'s>(site: &'s Site, name: &str, text: &str) -> Option<&'s Host> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.split('.').next().unwrap_or(file);
    if let Some(host) = site
        .hosts
        .iter()
        .find(|host| host.name == stem || host.name == file)
    {
        return Some(host);
    }
    let named = site.hosts.iter().filter(|host| file.contains(&host.name));
    if let Some(host) = named.max_by_key(|host| host.name.len()) {
        return Some(host);
    }
    let words = text.split_whitespace();
    let after_d = words
        .clone()
        .zip(words.skip(1))
        .filter(|(flag, _)| *flag == "-d");
    let mut counts: Vec<usize> = vec![0; site.hosts.len()];
    let by_address: std::collections::BTreeMap<String, usize> = site
        .hosts
        .iter()
        .enumerate()
        .flat_map(|(at, host)| host.addresses.iter().map(move |a| (a.to_string(), at)))
        .collect();
    for (_, destination) in after_d {
        let address = destination.split('/').next().unwrap_or(destination);
        if let Some(count) = by_address.get(address).and_then(|&at| counts.get_mut(at)) {
            *count += 1;
        }
    }
    let best = counts
        .iter()
        .enumerate()
        .max_by_key(|(at, count)| (**count, usize::MAX - at))?;
    if *best.1 == 0 {
        return None;
    }
    site.hosts.get(best.0)
}

/// What the site says that its exports guard.
fn guards(sources: &Sources, site: &Site) -> Vec<GuardData> {
    let all = site.guards.iter().map(|guard| GuardData {
        exports: guard.exports.clone(),
        host: match &guard.stands {
            Stand::Host(name) => Some(name.clone()),
            Stand::Between(..) => None,
        },
        between: match &guard.stands {
            Stand::Between(a, b) => Some([a.clone(), b.clone()]),
            Stand::Host(_) => None,
        },
        declared_in: guard.span.map(|span| sources.name(span.source).to_owned()),
    });
    all.collect()
}

/// The inventories that the site's files name.
fn inventories(sources: &Sources, site: &Site) -> Vec<InventoryData> {
    let all = site.inventories.iter().map(|one| InventoryData {
        path: one.path.clone(),
        declared_in: Some(sources.name(one.span.source).to_owned()),
    });
    all.collect()
}
