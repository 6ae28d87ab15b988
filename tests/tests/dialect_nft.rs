//! nftables rulesets against what a kernel did with them, and both notations against each other.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures from the file system"
)]

use portwright::dialect::{HostFacts, Loaded, load};
use portwright::engine::{PacketInput, call_json};
use portwright::source::Sources;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nft")
}

fn document(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    json!({ "name": path.file_name().unwrap().to_string_lossy(), "text": text })
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Folders that hold a ruleset with packets, and what the kernel did with each.
fn cases() -> Vec<PathBuf> {
    let all = fs::read_dir(root()).unwrap();
    let mut cases: Vec<PathBuf> = all
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.jsonl").exists())
        .collect();
    cases.sort();
    cases
}

/// Verdict and way are the kernel's. An answer may be unknown where it names what it depends on,
/// which few packets may.
#[test]
fn verdicts_and_ways_are_the_kernels() {
    let (mut exact, mut unknown) = (0, 0);
    for case in cases() {
        let host = root().join("host");
        let request = json!({ "operation": "trace",
            "documents": [document(&case.join("input.nft"))],
            "addresses": document(&host.join("addr.json")),
            "routes": document(&host.join("route.json")),
            "packets": document(&case.join("packets.jsonl")),
        });
        let answer: Value = serde_json::from_str(&call_json(&request.to_string())).unwrap();
        let traced = answer
            .pointer("/result/packets")
            .and_then(Value::as_array)
            .unwrap_or_else(|| panic!("{}: {answer}", case.display()));
        let expected = lines(&case.join("expected.jsonl"));
        assert_eq!(traced.len(), expected.len(), "{}", case.display());
        for (found, wanted) in traced.iter().zip(&expected) {
            let place = format!("{}: {found} is not {wanted}", case.display());
            if found["verdict"] == "unknown" {
                assert!(
                    !found["depends_on"].as_array().unwrap().is_empty(),
                    "{place}"
                );
                unknown += 1;
                continue;
            }
            assert_eq!(found["verdict"], wanted["verdict"], "{place}");
            assert_eq!(found["path"], wanted["path"], "{place}");
            exact += 1;
        }
    }
    assert!(exact > 400 && unknown * 10 < exact, "{exact} {unknown}");
}

fn loaded(file: &str) -> (Sources, Loaded) {
    let mut sources = Sources::default();
    let text = fs::read_to_string(root().join(file)).unwrap();
    let id = sources.add(file, text);
    let loaded = load(&sources, &[id], None, &HostFacts::default());
    (sources, loaded)
}

#[test]
fn both_notations_of_a_ruleset_give_the_same_chains() {
    let (_, text) = loaded("everything/ruleset.nft");
    let (_, json) = loaded("everything/ruleset.json");
    for (a, b) in [
        (&text.firewall.v4, &json.firewall.v4),
        (&text.firewall.v6, &json.firewall.v6),
    ] {
        assert!(!a.chains.is_empty());
        assert_eq!(a.chains.len(), b.chains.len());
        for (a, b) in a.chains.iter().zip(&b.chains) {
            assert_eq!((&a.table, &a.name), (&b.table, &b.name));
            assert_eq!(a.rules.len(), b.rules.len(), "{}", a.name);
            for (a_rule, b_rule) in a.rules.iter().zip(&b.rules) {
                let known = |cubes: &[portwright::packet::Cube]| {
                    let plain = cubes.iter().map(|cube| cube.clone().without_assumptions());
                    plain.collect::<Vec<_>>()
                };
                assert_eq!(a_rule.number, b_rule.number);
                assert_eq!(
                    known(&a_rule.matches),
                    known(&b_rule.matches),
                    "{} {}",
                    a.name,
                    a_rule.number
                );
                assert_eq!(a_rule.effects, b_rule.effects);
            }
        }
    }
}

#[test]
fn packets_of_the_fixtures_are_packets() {
    for case in cases() {
        for line in lines(&case.join("packets.jsonl")) {
            let input: PacketInput = serde_json::from_value(line.clone()).unwrap();
            assert!(!input.src.is_empty(), "{line}");
        }
    }
}

/// `nft` before 1.1.0 joined inequalities of fields that lie side by side, newer ones do not, and a
/// listing does not tell: exact where both mean the same.
#[test]
fn inequalities_that_nft_may_have_joined() {
    let tcp = |sport: u16, dport: u16| json!({ "src": "10.0.0.1", "dst": "10.0.0.2", "proto": "tcp", "sport": sport, "dport": dport });
    let other = |proto: u8, ttl: u8| json!({ "src": "10.0.0.1", "dst": "10.0.0.2", "proto": proto, "ttl": ttl });
    let cases = [
        ("tcp sport != 22 tcp dport != 80", tcp(1, 2), "accept"),
        ("tcp sport != 22 tcp dport != 80", tcp(22, 80), "drop"),
        ("tcp sport != 22 tcp dport != 80", tcp(22, 2), "unknown"),
        (
            "tcp dport != 80 iifname \"eth0\" tcp sport != 22",
            tcp(1, 80),
            "unknown",
        ),
        // Something else between them keeps them apart.
        (
            "tcp sport != 22 counter tcp dport != 80",
            tcp(22, 2),
            "drop",
        ),
        (
            "tcp sport != 22 tcp dport != { 80, 81 }",
            tcp(22, 2),
            "drop",
        ),
        ("tcp sport != { 22 } tcp dport != 80", tcp(22, 2), "unknown"),
        ("tcp sport 22 tcp dport != 80", tcp(22, 2), "accept"),
        ("ip ttl != 254 ip protocol != gre", other(47, 1), "unknown"),
        ("ip ttl != 254 ip protocol != gre", other(47, 254), "drop"),
        ("ip ttl != 254 ip protocol != gre", other(50, 1), "accept"),
        // Too far apart, too wide.
        (
            "ip saddr != 10.0.0.1 ip daddr != 10.0.0.9",
            tcp(1, 2),
            "drop",
        ),
        ("ip ttl != 254 ip length != 9", other(50, 254), "drop"),
    ];
    for (rule, mut packet, verdict) in cases {
        packet["hook"] = "input".into();
        packet["iface_in"] = "eth0".into();
        let chain = "type filter hook input priority 0; policy drop;";
        let text = format!("table inet t {{ chain c {{ {chain} {rule} accept; }}; }}\n");
        let request = json!({ "operation": "trace",
            "documents": [{ "name": "export.nft", "text": text }],
            "packets": { "name": "packets.jsonl", "text": packet.to_string() },
        });
        let answer: Value = serde_json::from_str(&call_json(&request.to_string())).unwrap();
        let found = answer.pointer("/result/packets/0/verdict");
        assert_eq!(found, Some(&json!(verdict)), "{rule}: {packet}\n{answer}");
    }
}
