//! A catalogue as a table: one row for each protocol and port range, values as published.

use super::{
    Catalog, Citation, Correction, Erratum, IcmpSpec, Need, OneOrMany, PortSpec, ProtocolSpec,
    Requirement, Text,
};
use crate::net::Protocol;
use serde::{Deserialize, Serialize};

/// One line of `catalog show`. The field names are the CSV columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Row {
    /// The requirement's id. A requirement with several protocols or ranges has several rows.
    pub id: String,
    /// Section of the cited document, exactly as its heading; may be empty.
    pub section: String,
    /// Roles that connect, separated by `, `.
    pub from: String,
    /// Roles that are connected to.
    pub to: String,
    /// `tcp`, `udp`, `icmp`, or an IP protocol number.
    pub protocol: String,
    /// A port, a range, or empty.
    pub ports: String,
    /// `required`, `optional`, `metrics` or `debug`.
    pub need: String,
    /// The condition, empty for always.
    pub when: String,
    /// English title.
    pub title_en: String,
    /// Chinese title.
    pub title_zh: String,
    /// Document, section and row.
    pub citation: String,
    /// What upstream says against it, with source and correction; may be empty.
    pub erratum: String,
}

/// The CSV header.
const COLUMNS: [&str; 12] = [
    "id", "section", "from", "to", "protocol", "ports", "need", "when", "title_en", "title_zh",
    "citation", "erratum",
];

impl Catalog {
    /// Its rows, in the order of its requirements.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.requirements
            .iter()
            .flat_map(|requirement| self.requirement_rows(requirement))
            .collect()
    }

    fn requirement_rows(&self, requirement: &Requirement) -> Vec<Row> {
        let mut rows = Vec::new();
        for protocol in requirement.protocol.iter() {
            if protocol.protocol() == Ok(Protocol::ICMP) {
                let kinds = requirement.icmp.iter().flat_map(OneOrMany::iter);
                rows.extend(kinds.map(|kind| icmp_row(requirement, kind)));
            } else {
                let ports = match &requirement.ports {
                    Some(ports) => self.port_texts(ports),
                    None => vec![String::new()],
                };
                rows.extend(
                    ports
                        .into_iter()
                        .map(|ports| row(requirement, protocol, ports)),
                );
            }
        }
        rows
    }

    /// Published ports; those of parameters are the parameters' defaults.
    fn port_texts(&self, ports: &PortSpec) -> Vec<String> {
        match ports {
            PortSpec::Number(port) => vec![port.to_string()],
            PortSpec::Range(range) => vec![range.clone()],
            PortSpec::List(list) => list.iter().flat_map(|one| self.port_texts(one)).collect(),
            PortSpec::Parameter { parameter } => self
                .parameters
                .get(parameter)
                .map(|parameter| parameter.default.to_string())
                .into_iter()
                .collect(),
            PortSpec::Endpoint(endpoint) => vec![endpoint.endpoint.to_string()],
        }
    }
}

/// Rows as CSV with a header, one line for each.
///
/// # Errors
///
/// None in practice: text is written to memory.
pub fn csv(rows: &[Row]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.serialize(row)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn row(requirement: &Requirement, protocol: &ProtocolSpec, ports: String) -> Row {
    Row {
        id: requirement.id.clone(),
        section: line(requirement.citation.section.as_deref().unwrap_or("")),
        from: roles(&requirement.from),
        to: roles(&requirement.to),
        protocol: protocol_text(protocol),
        ports,
        need: need_text(requirement.need).into(),
        when: requirement
            .when
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        title_en: line(&requirement.title.en),
        title_zh: line(&requirement.title.zh),
        citation: citation(&requirement.citation),
        erratum: requirement
            .erratum
            .as_ref()
            .map_or_else(String::new, erratum),
    }
}

/// Type and code stand in the title: ICMP has no ports.
fn icmp_row(requirement: &Requirement, kind: &IcmpSpec) -> Row {
    let mut row = row(
        requirement,
        &ProtocolSpec::Name("icmp".into()),
        String::new(),
    );
    row.title_en = format!("{} (type {}, code {})", row.title_en, kind.kind, kind.code);
    row.title_zh = format!("{}（类型 {}，代码 {}）", row.title_zh, kind.kind, kind.code);
    row
}

/// SCTP is given by its number, 132.
fn protocol_text(protocol: &ProtocolSpec) -> String {
    match protocol {
        ProtocolSpec::Name(name) if name == "sctp" => Protocol::SCTP.0.to_string(),
        ProtocolSpec::Name(name) => name.clone(),
        ProtocolSpec::Number(number) => number.to_string(),
    }
}

fn need_text(need: Need) -> &'static str {
    match need {
        Need::Required => "required",
        Need::Optional => "optional",
        Need::Metrics => "metrics",
        Need::Debug => "debug",
    }
}

fn roles(roles: &OneOrMany<String>) -> String {
    let names: Vec<&str> = roles.iter().map(String::as_str).collect();
    names.join(", ")
}

/// A text on one line: a row of the table is one line of the file.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn citation(citation: &Citation) -> String {
    let parts = [
        Some(&citation.document),
        citation.section.as_ref(),
        citation.row.as_ref(),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| line(part)).collect();
    parts.join(" › ")
}

fn erratum(erratum: &Erratum) -> String {
    let correction = erratum.correction.as_ref().map(correction);
    let correction =
        correction.map_or_else(String::new, |text| format!("; least-privilege: {text}"));
    format!(
        "{} [{}]{correction}",
        line(&erratum.note.en),
        line(&erratum.source)
    )
}

fn correction(correction: &Correction) -> String {
    let mut parts = Vec::new();
    if correction.drop {
        parts.push("not opened".to_owned());
    }
    if let Some(from) = &correction.from {
        parts.push(format!("from {}", roles(from)));
    }
    if let Some(to) = &correction.to {
        parts.push(format!("to {}", roles(to)));
    }
    if let Some(protocols) = &correction.protocol {
        let names: Vec<String> = protocols.iter().map(protocol_text).collect();
        parts.push(format!("protocol {}", names.join(", ")));
    }
    if let Some(ports) = &correction.ports {
        parts.push(format!("ports {}", port_change(ports)));
    }
    if let Some(when) = &correction.when {
        parts.push(format!("when {when}"));
    }
    if let Some(need) = correction.need {
        parts.push(format!("need {}", need_text(need)));
    }
    if let Some(Text { en, .. }) = &correction.title {
        parts.push(format!("title: {}", line(en)));
    }
    parts.join("; ")
}

fn port_change(ports: &PortSpec) -> String {
    match ports {
        PortSpec::Number(port) => port.to_string(),
        PortSpec::Range(range) => range.clone(),
        PortSpec::List(list) => list.iter().map(port_change).collect::<Vec<_>>().join(", "),
        PortSpec::Parameter { parameter } => parameter.clone(),
        PortSpec::Endpoint(endpoint) => endpoint.endpoint.to_string(),
    }
}
