//! A heat map: a row for each source host, under each target a column for each service. Every
//! field has a title and a sign of its own, so that colour is not needed to read it.

use super::{counts, service, verdict};
use crate::engine::ProbeReportResult;
use crate::probe::{Counts, Verdict};
use crate::report::xml::escape;
use std::collections::{BTreeMap, BTreeSet};

/// Fields that are drawn. Larger maps have one column for each target, all services together.
const MOST_FIELDS: usize = 20_000;

/// Rows and columns of a map that is too large even so.
const MOST_LINES: usize = 140;

const FIELD: usize = 14;
const LEFT: usize = 170;
const TOP: usize = 190;
const LEGEND: usize = 60;

/// A colour and a sign; dark signs on light fields.
fn look(of: Verdict) -> (&'static str, &'static str, &'static str) {
    match of {
        Verdict::Open => ("#2e7d32", "", "#ffffff"),
        Verdict::Closed => ("#f9a825", "c", "#000000"),
        Verdict::Rejected => ("#c62828", "×", "#ffffff"),
        Verdict::Dropped => ("#6d1b1b", "–", "#ffffff"),
        Verdict::Unreachable => ("#5e35b1", "u", "#ffffff"),
        Verdict::BlockedLocally => ("#ad5a00", "l", "#ffffff"),
        Verdict::Unknown => ("#e0e0e0", "?", "#000000"),
    }
}

const ALL: [Verdict; 7] = [
    Verdict::Open,
    Verdict::Closed,
    Verdict::Rejected,
    Verdict::Dropped,
    Verdict::Unreachable,
    Verdict::BlockedLocally,
    Verdict::Unknown,
];

/// A column: a target and a service, or a target with all of them.
type Column = (usize, String);

struct Map<'r> {
    result: &'r ProbeReportResult,
    rows: Vec<usize>,
    columns: Vec<Column>,
    fields: BTreeMap<(usize, Column), Counts>,
    cut: bool,
}

impl<'r> Map<'r> {
    fn new(result: &'r ProbeReportResult) -> Self {
        let whole = Self::with(result, true);
        if whole.rows.len().saturating_mul(whole.columns.len()) <= MOST_FIELDS {
            return whole;
        }
        let mut coarse = Self::with(result, false);
        coarse.cut = coarse.rows.len() > MOST_LINES || coarse.columns.len() > MOST_LINES;
        coarse.rows.truncate(MOST_LINES);
        coarse.columns.truncate(MOST_LINES);
        coarse
    }

    fn with(result: &'r ProbeReportResult, services: bool) -> Self {
        let mut fields: BTreeMap<(usize, Column), Counts> = BTreeMap::new();
        for cell in &result.cells {
            let flow = result.flows.get(cell.flow).filter(|_| services);
            let service = flow.map_or_else(String::new, service);
            let field = fields.entry((cell.from, (cell.to, service))).or_default();
            field.join(&cell.probes);
        }
        let rows: BTreeSet<usize> = fields.keys().map(|(row, _)| *row).collect();
        let columns: BTreeSet<Column> = fields.keys().map(|(_, column)| column.clone()).collect();
        Self {
            result,
            rows: rows.into_iter().collect(),
            columns: columns.into_iter().collect(),
            fields,
            cut: false,
        }
    }

    fn target(&self, at: usize) -> &str {
        self.result
            .targets
            .get(at)
            .map_or("", |target| target.name.as_str())
    }

    fn host(&self, at: usize) -> &str {
        self.result
            .hosts
            .get(at)
            .map_or("", |host| host.name.as_str())
    }
}

/// The whole picture.
pub(super) fn report(result: &ProbeReportResult) -> String {
    let map = Map::new(result);
    let groups = map.columns.chunk_by(|a, b| a.0 == b.0).count();
    // A gap between targets.
    let width = LEFT + map.columns.len() * FIELD + groups * 4 + 130;
    let width = width.max(760);
    let height = TOP + map.rows.len() * FIELD + LEGEND + 20;
    let sum = &result.summary;
    let said = format!(
        "{} probes: {}. Rows are source hosts, columns are services under their targets.{}",
        sum.probes.planned,
        counts(&sum.probes),
        if map.cut {
            " Only a part is drawn: the list has all."
        } else {
            ""
        }
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"t d\" font-family=\"sans-serif\" font-size=\"10\">\n<title id=\"t\">Live probes: source host by target and service</title>\n<desc id=\"d\">{}</desc>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escape(&said)
    );
    heads(&mut out, &map);
    for (number, &row) in map.rows.iter().enumerate() {
        let y = TOP + number * FIELD;
        out.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
            LEFT - 6,
            y + 10,
            escape(&cut(map.host(row)))
        ));
        let mut x = LEFT;
        let mut last = None;
        for column in &map.columns {
            if last.is_some_and(|last| last != column.0) {
                x += 4;
            }
            last = Some(column.0);
            if let Some(field) = map.fields.get(&(row, column.clone())) {
                draw(&mut out, &map, (row, column), field, (x, y));
            }
            x += FIELD;
        }
    }
    legend(&mut out, height - LEGEND);
    out.push_str("</svg>\n");
    out
}

fn heads(out: &mut String, map: &Map<'_>) {
    let mut x = LEFT;
    for group in map.columns.chunk_by(|a, b| a.0 == b.0) {
        let Some((target, _)) = group.first() else {
            continue;
        };
        let line = group.len() * FIELD;
        out.push_str(&format!(
            "<path d=\"M{x} {} h{}\" stroke=\"#9e9e9e\"/>\n",
            TOP - 3,
            line - 2
        ));
        let name = escape(&cut(map.target(*target)));
        let named = group.len() > 1 || group.iter().all(|(_, service)| service.is_empty());
        for (at, (_, service)) in group.iter().enumerate() {
            let middle = x + at * FIELD + 10;
            let label = match (at, named, service.is_empty()) {
                (0, true, true) => format!("<tspan font-weight=\"bold\">{name}</tspan>"),
                (0, ..) => format!(
                    "{} <tspan font-weight=\"bold\">→ {name}</tspan>",
                    escape(&cut(service))
                ),
                _ => escape(&cut(service)),
            };
            out.push_str(&format!(
                "<text transform=\"translate({middle} {}) rotate(-60)\">{label}</text>\n",
                TOP - 6
            ));
        }
        x += line + 4;
    }
}

fn draw(
    out: &mut String,
    map: &Map<'_>,
    (row, column): (usize, &Column),
    field: &Counts,
    (x, y): (usize, usize),
) {
    let worst = field.verdict();
    let (fill, sign, ink) = look(worst);
    let service = if column.1.is_empty() {
        "all services"
    } else {
        &column.1
    };
    let title = format!(
        "{} → {} {service}: {} ({})",
        map.host(row),
        map.target(column.0),
        verdict(worst),
        counts(field)
    );
    let side = FIELD - 2;
    out.push_str(&format!(
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" fill=\"{fill}\"/>",
        escape(&title)
    ));
    if !sign.is_empty() {
        out.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{ink}\">{sign}</text>",
            x + side / 2,
            y + 10
        ));
    }
    out.push_str("</g>\n");
}

fn legend(out: &mut String, y: usize) {
    let mut x = LEFT.min(20);
    for of in ALL {
        let (fill, sign, ink) = look(of);
        out.push_str(&format!(
            "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{fill}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{ink}\">{sign}</text><text x=\"{}\" y=\"{}\">{}</text>\n",
            y + 20,
            x + 6,
            y + 30,
            x + 17,
            y + 30,
            verdict(of)
        ));
        x += 100;
    }
}

/// A label that fits.
fn cut(text: &str) -> String {
    const MOST: usize = 26;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let start: String = text.chars().take(MOST - 1).collect();
    format!("{start}…")
}
