//! CSV with a header: `name`, `address`, `roles`, `cluster`, `zone`, `ssh_port`, `ssh_address`.

use super::merge::{Builder, Naming};
use super::read::Input;
use super::{Host, address, variables};
use crate::diagnostic::{Diagnostic, input, requirement};
use crate::source::Span;
use std::collections::BTreeSet;

/// Columns, with the other names they go by.
const COLUMNS: &[(Column, &[&str])] = &[
    (Column::Name, &["name", "host", "hostname", "node"]),
    (
        Column::Address,
        &["address", "addresses", "ip", "ips", "ip_address"],
    ),
    (Column::Roles, &["roles", "role"]),
    (Column::Cluster, &["cluster"]),
    (Column::Zone, &["zone"]),
    (Column::SshPort, &["ssh_port", "sshport"]),
    (
        Column::SshAddress,
        &["ssh_address", "sshaddress", "ansible_host"],
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Address,
    Roles,
    Cluster,
    Zone,
    SshPort,
    SshAddress,
}

fn column(name: &str) -> Option<Column> {
    let name = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let known = COLUMNS
        .iter()
        .find(|(_, names)| names.contains(&name.as_str()));
    known.map(|&(column, _)| column)
}

/// The delimiter of the header line, when it has a name and an address column.
fn delimiter(text: &str) -> Option<u8> {
    let header = text
        .trim_start_matches('\u{feff}')
        .lines()
        .find(|l| !l.trim().is_empty())?;
    [b',', b';', b'\t'].into_iter().find(|&delimiter| {
        let columns = || {
            header
                .split(char::from(delimiter))
                .map(|cell| column(cell.trim().trim_matches('"')))
        };
        columns().any(|c| c == Some(Column::Name)) && columns().any(|c| c == Some(Column::Address))
    })
}

/// Whether the first line is a header with name and address.
pub(super) fn detect(input: &Input<'_>) -> bool {
    delimiter(input.text).is_some()
}

/// Reads the rows.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let Some(delimiter) = delimiter(input.text) else {
        return;
    };
    let body = input.text.trim_start_matches('\u{feff}');
    let skipped = input.text.len() - body.len();
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(body.as_bytes());
    let mut rows = Rows {
        builder,
        input,
        columns: Vec::new(),
        skipped,
        body,
    };
    let mut hosts = Vec::new();
    let mut record = ::csv::StringRecord::new();
    // The text is UTF-8 and rows may differ in length, so the reader has nothing to refuse.
    while let Ok(true) = reader.read_record(&mut record) {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.columns.is_empty() {
            rows.header(&record);
        } else {
            hosts.extend(rows.row(&record));
        }
    }
    place(builder, input, hosts);
}

/// Hosts into the clusters that their rows name, or all into one named after the file.
fn place(builder: &mut Builder, input: &Input<'_>, rows: Vec<(Host, Option<(String, Span)>)>) {
    let named = rows.iter().any(|(_, cluster)| cluster.is_some());
    let mut own = None;
    if !named && !rows.is_empty() {
        let hosts: Vec<Host> = rows.iter().map(|(host, _)| host.clone()).collect();
        own = Some(builder.cluster_of(naming(input.stem, true), &hosts, input.head()));
    }
    for (mut host, cluster) in rows {
        host.cluster = match cluster {
            Some((name, span)) => Some(builder.cluster(naming(&name, false), span)),
            // A bootstrap node or bastion belongs to no cluster.
            None => own.filter(|_| !is_outside(&host.roles)),
        };
        builder.host(host);
    }
}

fn is_outside(roles: &BTreeSet<String>) -> bool {
    !roles.is_empty()
        && roles
            .iter()
            .all(|role| matches!(role.as_str(), "bootstrap" | "bastion"))
}

fn naming(name: &str, guessed: bool) -> Naming<'_> {
    Naming {
        name,
        guessed,
        kind: None,
        kind_stated: false,
    }
}

struct Rows<'b, 'i> {
    builder: &'b mut Builder,
    input: &'i Input<'i>,
    columns: Vec<Option<Column>>,
    /// Bytes of the byte order mark.
    skipped: usize,
    body: &'i str,
}

impl Rows<'_, '_> {
    /// Where a cell is written: exact in rows without quotes, else the row's line.
    fn span(&self, record: &::csv::StringRecord, index: usize) -> Span {
        let at = record
            .position()
            .map_or(0, |p| usize::try_from(p.byte()).unwrap_or(0));
        let tail = self.body.get(at..).unwrap_or("");
        let at = at + (tail.len() - tail.trim_start_matches(['\n', '\r']).len());
        let line = self
            .body
            .get(at..)
            .unwrap_or("")
            .lines()
            .next()
            .unwrap_or("");
        let place = |start: usize, len: usize| {
            Span::new(
                self.input.id,
                self.skipped + start,
                self.skipped + start + len,
            )
        };
        let Some(range) = record.range(index).filter(|_| !line.contains('"')) else {
            return place(at, line.len());
        };
        place(at + range.start + index, range.len())
    }

    fn header(&mut self, record: &::csv::StringRecord) {
        for (index, cell) in record.iter().enumerate() {
            let known = column(cell);
            if known.is_none() && !cell.trim().is_empty() {
                let names = COLUMNS.iter().flat_map(|(_, names)| names.iter().copied());
                let help = match variables::nearest(&cell.trim().to_ascii_lowercase(), names) {
                    Some(meant) => format!("did you mean `{meant}`"),
                    None => {
                        "known columns: name, address, roles, cluster, zone, ssh_port, ssh_address"
                            .into()
                    }
                };
                let message = format!("the column `{}` is not known; it is ignored", cell.trim());
                let diagnostic = Diagnostic::new(&input::UNKNOWN_KEY, message);
                self.builder
                    .report(diagnostic.at(self.span(record, index)).help(help));
            }
            self.columns.push(known);
        }
    }

    fn cell<'r>(&self, record: &'r ::csv::StringRecord, wanted: Column) -> Option<(&'r str, Span)> {
        let index = self
            .columns
            .iter()
            .position(|column| *column == Some(wanted))?;
        let text = record.get(index)?.trim();
        (!text.is_empty()).then(|| (text, self.span(record, index)))
    }

    fn row(&mut self, record: &::csv::StringRecord) -> Option<(Host, Option<(String, Span)>)> {
        let Some((name, span)) = self.cell(record, Column::Name) else {
            let message = "this row has no name; it is ignored";
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(self.span(record, 0));
            self.builder
                .report(diagnostic.help("give every row a name"));
            return None;
        };
        if record.len() > self.columns.len() {
            let message = format!(
                "the row of `{name}` has {} cells, the header {}",
                record.len(),
                self.columns.len()
            );
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
            self.builder
                .report(diagnostic.help("put cells that hold the delimiter into double quotes"));
        }
        let host = Host {
            name: name.to_owned(),
            addresses: self.addresses(record, name, span),
            ssh_address: self.ssh_address(record),
            ssh_port: self.ssh_port(record, name),
            cluster: None,
            roles: list(
                self.cell(record, Column::Roles)
                    .map_or("", |(text, _)| text),
            ),
            zone: self
                .cell(record, Column::Zone)
                .map(|(text, _)| text.to_owned()),
            span,
        };
        let cluster = self.cell(record, Column::Cluster);
        Some((host, cluster.map(|(text, span)| (text.to_owned(), span))))
    }

    fn addresses(
        &mut self,
        record: &::csv::StringRecord,
        name: &str,
        span: Span,
    ) -> Vec<std::net::IpAddr> {
        let Some((text, cell)) = self.cell(record, Column::Address) else {
            let message = format!("host `{name}` has no address");
            let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(span);
            self.builder
                .report(diagnostic.help("fill in the address column"));
            self.builder.explained(name);
            return Vec::new();
        };
        let mut found = Vec::new();
        for part in split(text).take(64) {
            match address::address(part) {
                Some(address) => found.push(address),
                None => {
                    let message = format!(
                        "the address of host `{name}` is `{part}`, which is not an address"
                    );
                    let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(cell);
                    self.builder.report(
                        diagnostic.help("give an IPv4 or IPv6 address; names are not resolved"),
                    );
                    self.builder.explained(name);
                }
            }
        }
        found
    }

    fn ssh_address(&mut self, record: &::csv::StringRecord) -> Option<std::net::IpAddr> {
        let (text, span) = self.cell(record, Column::SshAddress)?;
        let address = address::address(text);
        if address.is_none() {
            let message = format!("`{text}` is not an address for ssh");
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
            self.builder
                .report(diagnostic.help("give an IPv4 or IPv6 address"));
        }
        address
    }

    fn ssh_port(&mut self, record: &::csv::StringRecord, name: &str) -> Option<u16> {
        let (text, span) = self.cell(record, Column::SshPort)?;
        let port = address::port(text);
        if port.is_none() {
            let message = format!("the ssh port of host `{name}` is `{text}`, which is not a port");
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
            self.builder
                .report(diagnostic.help("give a number from 1 to 65535"));
        }
        port
    }
}

/// Words of a cell: separated by white space, comma, semicolon, slash or bar.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || ",;|+".contains(c))
        .filter(|word| !word.is_empty())
}

/// Role ids; spelled with `-` in the catalogues.
fn list(text: &str) -> BTreeSet<String> {
    split(text)
        .map(|word| word.to_ascii_lowercase().replace('_', "-"))
        .collect()
}
