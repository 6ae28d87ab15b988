//! `iptables-save` and `ipset save` against what a kernel did, and against hostile input.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures from the file system"
)]

use portwright::dialect::{HostFacts, Loaded, load};
use portwright::firewall::{Action, Decider, Firewall, Hook, Step, Traced, Verdict, trace};
use portwright::net::{Family, Protocol, number};
use portwright::packet::{CtState, Fragment, IfName, Packet, tcp_flags};
use portwright::source::Sources;
use proptest::prelude::*;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/iptables-save");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// Reads `in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:22 flags=S state=NEW`; for ICMP the "ports" are
/// type and code.
fn packet(text: &str) -> Packet {
    let mut packet = Packet {
        family: Family::V4,
        protocol: Protocol::TCP,
        source: 0,
        destination: 0,
        source_port: 0,
        destination_port: 0,
        flags: 0,
        state: CtState::New,
        in_interface: IfName::NONE,
        out_interface: IfName::NONE,
        mark: 0,
        fragment: Fragment::First,
    };
    let mut flags = "S";
    let mut ends = Vec::new();
    for word in text.split(' ').filter(|&word| word != ">") {
        match word.split_once('=') {
            Some(("in", name)) => packet.in_interface = IfName::new(name).unwrap(),
            Some(("out", name)) => packet.out_interface = IfName::new(name).unwrap(),
            Some(("flags", letters)) => flags = letters,
            Some(("frag", "later")) => packet.fragment = Fragment::Later,
            Some(("state", name)) => {
                packet.state = match name {
                    "NEW" => CtState::New,
                    "ESTABLISHED" => CtState::Established,
                    "ESTABLISHED-REPLY" => CtState::EstablishedReply,
                    "RELATED" => CtState::Related,
                    "INVALID" => CtState::Invalid,
                    "UNTRACKED" => CtState::Untracked,
                    _ => panic!("state {name}"),
                };
            }
            Some(_) => panic!("{word}"),
            None => match word.parse::<SocketAddr>() {
                Ok(end) => ends.push(end),
                Err(_) => packet.protocol = Protocol::parse(word).unwrap(),
            },
        }
    }
    let [from, to] = ends.as_slice() else { panic!("{text}") };
    packet.family = Family::of(from.ip());
    (packet.source, packet.source_port) = (number(from.ip()), from.port());
    (packet.destination, packet.destination_port) = (number(to.ip()), to.port());
    if packet.protocol == Protocol::TCP && packet.fragment == Fragment::First {
        let bit = |c| tcp_flags::LETTERS.iter().find(|(letter, _)| *letter == c).unwrap().1;
        packet.flags = flags.chars().map(bit).fold(0, |a, b| a | b);
    }
    packet
}

fn path(firewall: &Firewall, family: Family, traced: &Traced) -> String {
    let rules = firewall.rules(family);
    let steps = traced.steps.iter().filter_map(|step| {
        let Step::Decided(decider, verdict) = step else { return None };
        let verdict = format!("{verdict:?}").to_lowercase();
        Some(match *decider {
            Decider::Rule(id) => {
                let chain = rules.chain(id.chain).unwrap();
                format!("{}/{}/{}:{verdict}", chain.table, chain.name, id.index + 1)
            }
            Decider::Policy(id) => {
                let chain = rules.chain(id).unwrap();
                format!("{}/{}/policy:{verdict}", chain.table, chain.name)
            }
        })
    });
    steps.collect::<Vec<_>>().join(" > ")
}

fn host(case: &Path) -> HostFacts {
    let mut host = HostFacts::default();
    for line in fs::read_to_string(case.join("host.txt")).unwrap_or_default().lines() {
        match line.split_once(' ') {
            None => host.addresses_complete = line == "complete",
            Some(("address", a)) => drop(host.addresses.insert(a.parse().unwrap())),
            Some(("broadcast", a)) => drop(host.broadcasts.insert(a.parse().unwrap())),
            Some(("elsewhere", a)) => drop(host.elsewhere.insert(a.parse().unwrap())),
            Some(("local", p)) => host.local_networks.push(p.parse().unwrap()),
            Some(_) => panic!("{line}"),
        }
    }
    host
}

fn load_case(case: &Path, backend: &str) -> (Sources, Loaded) {
    let mut sources = Sources::default();
    let mut ids = Vec::new();
    let suffix = if backend == "nft" { " (nf_tables)" } else { "" };
    // The sets come last on purpose: the order of exports does not matter.
    for (file, program) in [("input.rules", "iptables"), ("input6.rules", "ip6tables")] {
        if let Ok(text) = fs::read_to_string(case.join(file)) {
            let header = format!("# Generated by {program}-save v1.8.9{suffix} on a day\n");
            ids.push(sources.add(file, header + &text));
        }
    }
    if let Ok(text) = fs::read_to_string(case.join("ipset.save")) {
        ids.push(sources.add("ipset.save", text));
    }
    let loaded = load(&sources, &ids, None, &host(case));
    (sources, loaded)
}

#[test]
fn verdicts_are_the_kernels() {
    let mut checked = 0;
    for case in fixtures() {
        let table = fs::read_to_string(case.join("packets.tsv")).unwrap();
        for backend in ["legacy", "nft"] {
            let (_, loaded) = load_case(&case, backend);
            for row in table.lines().filter(|row| !row.starts_with('#')) {
                let cells: Vec<&str> = row.split('\t').collect();
                let [only, hook, text, kernel, answer, way, ..] = cells.as_slice() else {
                    panic!("{row}")
                };
                if *only != "both" && *only != backend {
                    continue;
                }
                let hook = match *hook {
                    "input" => Hook::Input,
                    "forward" => Hook::Forward,
                    "output" => Hook::Output,
                    _ => panic!("{hook}"),
                };
                let packet = packet(text);
                let traced = trace(&loaded.firewall, hook, &packet);
                let verdict = format!("{:?}", traced.verdict).to_lowercase();
                let place = format!("{} [{backend}] {text}", case.display());
                match *answer {
                    "unknown" => assert_eq!(verdict, "unknown", "{place}"),
                    "verdict" => assert_eq!(verdict, *kernel, "{place}"),
                    "exact" => {
                        assert_eq!(verdict, *kernel, "{place}");
                        let found = path(&loaded.firewall, packet.family, &traced);
                        assert_eq!(found, *way, "{place}");
                    }
                    _ => panic!("{row}"),
                }
                assert_eq!(traced.verdict == Verdict::Unknown, !traced.depends_on.is_empty());
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "{checked}");
}
