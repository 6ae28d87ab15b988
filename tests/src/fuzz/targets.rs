//! What each target does with a text.

use super::{Run, Target, check};
use portwright::catalog::Catalog;
use portwright::dialect::{self, HostFacts};
use portwright::engine::{self, PacketInput, parse_packet};
use portwright::firewall::Hook;
use portwright::packet::Packet;
use portwright::source::Sources;
use std::fmt::Write as _;

/// Parts a text into documents, where a target takes several.
const NEXT_DOCUMENT: char = '\u{c}';

/// At most this many sets of a text are named by rules.
const MOST_SETS: usize = 8;

/// Packets that each firewall is asked about.
const PACKETS: [&str; 7] = [
    "in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:22 state=new flags=S",
    "in=eth0 udp 192.168.0.1:53 > 10.0.0.9:53 state=established dir=reply",
    "in=eth0 out=eth1 icmp 10.0.0.5 > 192.168.1.50 type=8 code=0 mark=0x1",
    "out=lo tcp 127.0.0.1:1 > 127.0.0.1:65535 state=invalid flags=none",
    "in=eth0 udp 10.0.0.5 > 10.0.0.9 state=new fragment=later",
    "in=eth0 tcp [fd00::5]:40000 > [fd00::9]:22 state=new flags=S",
    "in=eth0 icmpv6 fe80::1 > ff02::1 type=135 code=0 state=untracked",
];

/// What is read beside exports.
pub(super) const OTHERS: &[Target] = &[
    text("site", &["site"], site),
    text("catalog", &["../../core/catalogs"], catalog),
    text("host-facts", &[], host_facts),
    text("engine-json", &[], engine_json),
    text("packet-json", &["../../cli/tests/fixtures"], packet_json),
    text("packet-text", &[], packet_text),
];

const fn text(name: &'static str, seeds: &'static [&'static str], run: fn(&str)) -> Target {
    let run = Run::Text(run);
    Target { name, seeds, run }
}

/// A firewall export of a dialect, and for sets the rules that ask for them.
pub(super) fn export(id: &str, text: &str) {
    let mut sources = Sources::default();
    let mut texts = vec![sources.add("export", text)];
    if id == "ipset-save" {
        texts.push(sources.add("rules", rules_over_sets(text)));
    }
    let loaded = dialect::load(&sources, &texts, Some(id), &HostFacts::default());
    check::diagnostics(&sources, &loaded.diagnostics);
    check::places(&sources, &loaded.firewall);
    check::agreement(&loaded.firewall, &packets());
}

fn rules_over_sets(text: &str) -> String {
    let mut rules = String::from("*filter\n:INPUT ACCEPT [0:0]\n");
    let names = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        words.find(|word| ["create", "-N", "add"].contains(word))?;
        words.next()
    });
    for name in names.take(MOST_SETS) {
        for directions in ["src", "dst,src", "src,dst,dst"] {
            let _ = writeln!(
                rules,
                "-A INPUT -m set --match-set {name} {directions} -j DROP"
            );
        }
    }
    rules + "COMMIT\n"
}

fn packets() -> Vec<(Hook, Packet)> {
    let read = |text| parse_packet(text).and_then(|input| input.packet());
    let all: Result<_, _> = PACKETS.into_iter().map(read).collect();
    all.expect("packets as people write them")
}

fn site(text: &str) {
    let mut sources = Sources::default();
    let documents = text.split(NEXT_DOCUMENT);
    let texts: Vec<_> = documents.map(|text| sources.add("site", text)).collect();
    let read = portwright::site::read(&sources, &texts);
    check::diagnostics(&sources, &read.diagnostics);
    for host in &read.site.hosts {
        check::span(&sources, host.span);
    }
    for document in text.split(NEXT_DOCUMENT) {
        let _ = portwright::site::redact(document);
    }
}

fn catalog(text: &str) {
    let mut sources = Sources::default();
    let own = sources.add("catalog", text);
    let name = portwright::catalog::document(&sources, own).map(|document| document.catalog);
    let name = name.as_deref().unwrap_or("dce").to_owned();
    if let Err(problems) = Catalog::load(&mut sources, &name, &[own]) {
        check::diagnostics(&sources, &problems);
    }
}

/// `ip -j addr`, and behind a form feed `ip -j route show table all`.
fn host_facts(text: &str) {
    let mut sources = Sources::default();
    let (addresses, routes) = text.split_once(NEXT_DOCUMENT).unwrap_or((text, text));
    let addresses = sources.add("addresses", addresses);
    let routes = sources.add("routes", routes);
    for (addresses, routes) in [(Some(addresses), None), (None, Some(routes))] {
        if let Err(problem) = HostFacts::from_ip(&sources, addresses, routes) {
            check::diagnostics(&sources, &[problem]);
        }
    }
}

fn engine_json(text: &str) {
    let answer = engine::call_json(text);
    let read: Result<serde_json::Value, _> = serde_json::from_str(&answer);
    read.expect("answers are JSON");
}

fn packet_json(text: &str) {
    for line in text.lines() {
        if let Ok(input) = serde_json::from_str::<PacketInput>(line) {
            show(&input);
        }
    }
}

fn packet_text(text: &str) {
    if let Ok(input) = parse_packet(text) {
        show(&input);
    }
}

/// A packet as it is shown can be read again, and is shown alike then.
fn show(input: &PacketInput) {
    let Ok((hook, packet)) = input.packet() else {
        return;
    };
    // Linux has no interface whose name has a blank in it: such a name cannot be read back.
    let names = [packet.in_interface, packet.out_interface];
    if names
        .iter()
        .any(|name| name.to_string().contains(char::is_whitespace))
    {
        return;
    }
    let shown = packet.to_string();
    let again = parse_packet(&format!("hook={hook} {shown}")).and_then(|input| input.packet());
    let again = again.map(|(hook, packet)| (hook, packet.to_string()));
    assert_eq!(again, Ok((hook, shown)));
}
