//! The part of docs/performance.md about probes.

use std::fmt::Write as _;
use std::time::Duration;

use super::rounds::Took;
use crate::bench::page::{machine, number, today};
use crate::shell::Shell;

/// Everything that one run found.
pub struct Results {
    /// All ports of one host, by several programs.
    pub ports: Vec<Took>,
    /// Flows that all are dropped.
    pub dropped: Dropped,
    /// Every host to every other.
    pub mesh: Mesh,
    /// A million flows.
    pub million: Vec<Million>,
}

/// Flows that all are dropped.
pub struct Dropped {
    /// How many.
    pub flows: u32,
    /// How many of them at a time.
    pub in_flight: u32,
    /// What they took.
    pub took: Took,
}

/// Every host dials every other.
pub struct Mesh {
    /// How many.
    pub hosts: u32,
    /// Probes of all of them.
    pub probes: u64,
    /// How many of them the report calls open: nothing is planted that would close any.
    pub open: u64,
    /// From the first start to the last end.
    pub time: Duration,
}

/// Many flows of one host.
pub struct Million {
    /// How many.
    pub flows: u32,
    /// What they took.
    pub took: Took,
}

/// Seconds of both passes: what silence costs at least.
const PASSES: f64 = 1.5 + 4.0;

/// The part.
pub fn page(shell: &Shell, results: &Results) -> String {
    let mut page = format!(
        "## Probing\n\n\
         Written by `cargo xtask bench --probe`: network namespaces on one machine, so that every answer is\n\
         known and compared; *wrong* counts answers that differ from what is there, in all runs. Programs\n\
         take turns; medians of five runs, whole processes. `--rate 0` lifts the cap of packets per\n\
         second that `probe run` keeps by default.\n\n\
         {}; {}. {}.\n",
        machine(shell),
        today(shell),
        versions(shell),
    );
    ports(&mut page, &results.ports);
    dropped(&mut page, &results.dropped);
    let mesh = &results.mesh;
    let _ = write!(
        page,
        "\n### A full mesh\n\n\
         {} hosts on one bridge, the whole DCE catalogue, stubs on every host, all dialling at once with the\n\
         default rate: {} probes in {:.1} s; the report calls {} of them open, which all are.\n",
        mesh.hosts,
        thousands(mesh.probes),
        mesh.time.as_secs_f64(),
        thousands(mesh.open),
    );
    page.push_str(
        "\n### A million flows of one host\n\n\
         To 1,000 hosts × 1,000 ports, refused by a route at once: what is left is the program's own work.\n\n\
         | command | flows | time | memory | wrong |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for row in &results.million {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            row.took.who,
            number(row.flows),
            seconds(row.took.time),
            mebibytes(row.took.memory),
            row.took.wrong
        );
    }
    page
}

fn ports(page: &mut String, ports: &[Took]) {
    page.push_str(
        "\n### All ports of one host\n\n\
         65,535 TCP ports, 101 of them open, no packet lost.\n\n\
         | program | time | of Portwright's | memory | wrong |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    let ours = ports.first().map_or(Duration::ZERO, |took| took.time);
    for took in ports {
        let _ = writeln!(
            page,
            "| {} | {} | {:.2} × | {} | {} |",
            took.who,
            seconds(took.time),
            took.time.as_secs_f64() / ours.as_secs_f64(),
            mebibytes(took.memory),
            took.wrong
        );
    }
}

fn dropped(page: &mut String, dropped: &Dropped) {
    let waves = f64::from(dropped.flows.div_ceil(dropped.in_flight));
    let floor = waves * PASSES;
    let took = dropped.took.time.as_secs_f64();
    let _ = write!(
        page,
        "\n### Dropped flows\n\n\
         {} flows whose packets are dropped, {} in flight, 1.5 s and then 4 s to wait: {took:.1} s against a\n\
         floor of {floor:.1} s ({:.2} ×), {} of memory, {} wrong.\n",
        number(dropped.flows),
        number(dropped.in_flight),
        took / floor,
        mebibytes(dropped.took.memory),
        dropped.took.wrong,
    );
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

fn thousands(count: u64) -> String {
    number(u32::try_from(count).unwrap_or(u32::MAX))
}

fn versions(shell: &Shell) -> String {
    let nmap = shell.query(shell.command("nmap").arg("--version"));
    let nmap = nmap.unwrap_or_default();
    let words = nmap.split_whitespace().skip(1).take(2);
    let words: Vec<_> = words.collect();
    format!("nmap {}", words.last().copied().unwrap_or("unknown"))
}
