//! nftables: all notations of one ruleset give one tree, and nothing of it is lost.
//!
//! The fixtures are what nft 1.0.6 printed for rulesets that a kernel had loaded: as text, as JSON,
//! and where they are there with handles (`-a`), numbers (`-nn`) and names of services (`-S`).
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their fixtures from files"
)]

use portwright::dialect::nft;
use portwright::dialect::nft::syntax::{Ruleset, StatementKind};
use portwright::source::Sources;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use std::path::{Path, PathBuf};

fn fixtures() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/nft");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("fixtures")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("ruleset.json").exists())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no fixtures");
    folders
}

fn file(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a fixture")
}

/// A ruleset and what is said about its text, as `line:column message`.
fn parse(text: &str) -> (Ruleset, Vec<String>) {
    let mut sources = Sources::default();
    let id = sources.add("ruleset", text);
    let (ruleset, diagnostics) = if nft::detect_json(text) > 0 {
        nft::parse_json(text, id)
    } else {
        nft::parse_text(text, id)
    };
    let said = diagnostics
        .iter()
        .map(|diagnostic| {
            let span = diagnostic.labels.first().expect("a place").span;
            assert!(span.start <= span.end && span.end as usize <= text.len());
            let at = sources.position(span);
            format!("{}:{} {}", at.line, at.column, diagnostic.message)
        })
        .collect();
    (ruleset, said)
}

/// A text that is understood completely.
fn clean(name: &str, text: &str) -> Ruleset {
    let (ruleset, said) = parse(text);
    assert!(said.is_empty(), "{name}: {said:#?}");
    ruleset
}

/// Says where two trees differ, as closely as rules.
fn same(name: &str, a: &Ruleset, b: &Ruleset) {
    assert_eq!(a.tables.len(), b.tables.len(), "{name}");
    for (a, b) in a.tables.iter().zip(&b.tables) {
        for (a, b) in a.chains.iter().zip(&b.chains) {
            for (at, (a, b)) in a.rules.iter().zip(&b.rules).enumerate() {
                assert_eq!(a, b, "{name}: rule {} differs", at + 1);
            }
            assert_eq!(a, b, "{name}");
        }
        for (a, b) in a.sets.iter().zip(&b.sets) {
            assert_eq!(a, b, "{name}");
        }
        assert_eq!(a, b, "{name}");
    }
    assert_eq!(a, b, "{name}");
}

#[test]
fn all_notations_give_one_tree() {
    for folder in fixtures() {
        let name = |file: &str| folder.join(file).display().to_string();
        let text = clean(&name("ruleset.nft"), &file(&folder, "ruleset.nft"));
        for other in ["ruleset.json", "handles.nft", "numeric.nft", "names.nft"] {
            if folder.join(other).exists() {
                let tree = clean(&name(other), &file(&folder, other));
                same(&name(other), &text, &tree);
            }
        }
    }
}

#[test]
fn each_notation_is_detected_as_itself() {
    for folder in fixtures() {
        let (text, json) = (file(&folder, "ruleset.nft"), file(&folder, "ruleset.json"));
        assert_eq!(nft::detect_text(&text), 100);
        assert_eq!(nft::detect_json(&text), 0);
        assert_eq!(nft::detect_text(&json), 0);
        assert_eq!(nft::detect_json(&json), 100);
    }
}

#[test]
fn rules_know_their_lines() {
    for folder in fixtures() {
        let text = file(&folder, "ruleset.nft");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let ruleset = clean("lines", &text);
        for rule in ruleset
            .tables
            .iter()
            .flat_map(|t| &t.chains)
            .flat_map(|c| &c.rules)
        {
            let span = rule.place.0;
            let slice = &text[span.start as usize..span.end as usize];
            let first = slice.lines().next().unwrap_or("").trim_end();
            assert!(lines.contains(&first), "`{slice}` is no line");
            let last = rule.statements.last().map(|s| s.place.0.end);
            assert!(last.is_none_or(|end| end <= span.end && end > span.start));
        }
    }
}

/// A script, and a listing of what it makes.
const SCRIPTS: &[(&str, &str, &str)] = &[
    (
        "variables, commands one by one",
        "#!/usr/sbin/nft -f\nflush ruleset\ndefine lan = { 10.0.0.0/8, 192.168.0.0/16 }\n\
         define ports = { ssh, 80-90 }\ndefine wan = eth0\nadd table inet t\n\
         add chain inet t in { type filter hook input priority filter; policy drop; }\n\
         add rule inet t in iifname $wan ip saddr $lan tcp dport { $ports, 443 } accept\n\
         insert rule inet t in ct state established,related accept\n",
        "table inet t {\n\tchain in {\n\t\ttype filter hook input priority 0; policy drop;\n\
         ct state established,related accept\n\
         iifname \"eth0\" ip saddr { 10.0.0.0/8, 192.168.0.0/16 } tcp dport { 22, 80-90, 443 } accept\n}\n}\n",
    ),
    (
        "tables in several parts, elements added and taken away",
        "table ip t { set s { type ipv4_addr; flags interval\n } }\n\
         table ip t { chain c { ip saddr @s drop; } }\n\
         add element t s { 1.2.3.4, 5.6.7.8, \\\n 9.9.9.9 comment \"nine\" }\n\
         delete element ip t s { 5.6.7.8 }\nadd chain t d\nrule t d jump c\n",
        "table ip t {\n set s {\n type ipv4_addr\n flags interval\n\
         elements = { 1.2.3.4, 9.9.9.9 comment \"nine\" }\n }\n\
         chain c {\n ip saddr @s drop\n }\n chain d {\n jump c\n }\n}\n",
    ),
    (
        "what is deleted and flushed is gone",
        "table ip a { chain x { accept; }\n chain y { drop; }\n}\ntable ip b { chain z { accept; } }\n\
         flush chain ip a x\ndelete chain ip a y\ndelete table b\ndestroy table nothere\n\
         rename chain ip a x w\n",
        "table ip a {\n chain w {\n }\n}\n",
    ),
    (
        "positions and handles",
        "table ip t { chain c {\n accept # handle 4\n drop # handle 7\n } }\n\
         add rule ip t c handle 4 return\ninsert rule ip t c handle 7 continue\n\
         add rule ip t c index 0 counter\nreplace rule ip t c handle 4 log\n\
         delete rule ip t c handle 7\n",
        "table ip t {\n chain c {\n log\n counter\n return\n continue\n }\n}\n",
    ),
    (
        "older spellings",
        "table ip t { chain c {\n tcp dport eq ssh accept;\n meta mark and 0xf or 0x10 == 0x11 drop\n\
         tcp flags & (fin|syn) == syn accept\n ct state new,established reject with icmp type port-unreachable\n\
         fib saddr . iif oif missing drop\n meta iifname lo accept\n limit rate 3/minute accept\n} }\n",
        "table ip t {\n chain c {\n tcp dport 22 accept\n meta mark & 0xf | 0x10 == 0x11 drop\n\
         tcp flags syn / fin,syn accept\n ct state established,new reject\n\
         fib saddr . iif check missing drop\n iifname \"lo\" accept\n\
         limit rate 3/minute burst 5 packets accept\n }\n}\n",
    ),
    (
        "bridges have priorities of their own",
        "table bridge t { chain c { type filter hook prerouting priority dstnat + 5; } }\n\
         define p = -7\ntable ip t { chain c { type filter hook input priority $p; policy accept; } }\n",
        "table bridge t {\n chain c {\n type filter hook prerouting priority -295; policy accept;\n }\n}\n\
         table ip t {\n chain c {\n type filter hook input priority -7\n }\n}\n",
    ),
    (
        "the same commands in JSON",
        r#"{"nftables": [{"flush": {"ruleset": null}}, {"add": {"table": {"family": "ip", "name": "t"}}},
         {"add": {"chain": {"family": "ip", "table": "t", "name": "c", "type": "nat", "hook": "output", "prio": -100}}},
         {"add": {"set": {"family": "ip", "table": "t", "name": "s", "type": "inet_service"}}},
         {"add": {"element": {"family": "ip", "table": "t", "name": "s", "elem": [80, "https"]}}},
         {"add": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@s"}},
            {"dnat": {"addr": "10.0.0.1", "port": 8080}}]}}},
         {"insert": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"return": null}]}}}]}"#,
        "table ip t {\n set s {\n type inet_service\n elements = { 80, 443 }\n }\n\
         chain c {\n type nat hook output priority -100; policy accept;\n return\n\
         tcp dport @s dnat to 10.0.0.1:8080\n }\n}\n",
    ),
];

#[test]
fn scripts_make_what_a_listing_shows() {
    for (name, script, listing) in SCRIPTS {
        same(name, &clean(name, script), &clean(name, listing));
    }
}

/// A text with faults, what is said about them, and how many rules are left.
const FAULTS: &[(&str, &[&str], usize)] = &[
    (
        "table ip t {\n chain c {\n  foo bar accept\n  tcp dport 22 accept\n }\n}\n",
        &["3:3 expected a statement or something to match, found `foo`"],
        2,
    ),
    (
        "table ip t {\n chain c {\n  tcp dport { 22, } x } accept\n  drop\n }\n}\n",
        &[
            "3:21 expected a statement or something to match, found `x`",
            "3:25 expected the end of the line or `;`, found `accept`",
            "4:3 expected `chain`, `set`, `map`, `flowtable` or an object such as `counter`, found `drop`",
            "6:1 expected a command such as `table`, `add` or `flush`, found `}`",
        ],
        1,
    ),
    (
        "table ip t {\n chain c {\n  ip saddr { 1.2.3.4 5.6.7.8 } drop\n  accept\n }\n}\n",
        &["3:22 expected `,` or `}`, found `5.6.7.8`"],
        2,
    ),
    (
        "table ip t {\n chain c {\n  type filter hook nowhere priority 0;\n  accept\n }\n}\n",
        &["3:20 expected a hook such as `input`, found `nowhere`"],
        1,
    ),
    (
        "include \"/etc/nftables.d/*.nft\"\ntable ip t {\n}\n",
        &[
            "1:1 `/etc/nftables.d/*.nft` is included, and its text is not here; give the output of `nft list ruleset` instead",
        ],
        0,
    ),
    (
        "add rule ip t c accept\n",
        &["1:17 there is no chain `c` at this place of the text"],
        0,
    ),
    (
        "table ip t {\n chain c {\n  ip saddr $lan accept\n }\n}\n",
        &["3:13 expected a variable that `define` makes before this line, found `lan`"],
        1,
    ),
    (
        "table ip t {\n chain c {\n  accept\n",
        &[
            "3:10 expected `}` at the end of the block, found the end of the text",
            "3:10 expected `}` at the end of the table, found the end of the text",
        ],
        1,
    ),
    (
        r#"{"nftables": [{"table": {"family": "ip", "name": "t", "handle": 1}},
{"chain": {"family": "ip", "table": "t", "name": "c", "handle": 1}},
{"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 2, "expr": [{"weird": {}}, {"accept": null}]}}]}"#,
        &["3:87 expected a statement, found `weird`"],
        1,
    ),
    (
        r#"{"nftables": [{"table": {"family": "ip", "name": "t""#,
        &["1:25 the text is no valid JSON: Unterminated object"],
        0,
    ),
];

#[test]
fn faults_have_places_and_leave_the_rest() {
    for (text, expected, rules) in FAULTS {
        let (ruleset, said) = parse(text);
        assert_eq!(&said, expected, "{text}");
        let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
        let left: usize = chains.map(|chain| chain.rules.len()).sum();
        assert_eq!(left, *rules, "{text}");
    }
}

#[test]
fn a_rule_that_cannot_be_read_stays_as_unreadable() {
    let (ruleset, _) =
        parse("table ip t {\n chain c {\n  tcp dport 22 frobnicate 3 accept\n }\n}\n");
    let rule = &ruleset.tables[0].chains[0].rules[0];
    let kinds: Vec<&StatementKind> = rule.statements.iter().map(|s| &s.kind).collect();
    assert!(
        matches!(
            kinds.as_slice(),
            [StatementKind::Match { .. }, StatementKind::Unreadable(_)]
        ),
        "{kinds:?}"
    );
}

#[test]
fn hostile_texts_end_in_diagnostics() {
    let block = "table ip x { chain c { ";
    let doubled: String = (1..60)
        .map(|n| format!("define a{n} = {{ $a{}, $a{} }}\n", n - 1, n - 1))
        .collect();
    let texts = [
        format!("{block}{}", "jump { ".repeat(100_000)),
        format!("{block}ip saddr {}", "(".repeat(100_000)),
        format!("{block}meta mark {}", "& 1 ".repeat(100_000)),
        format!("{block}ip saddr {}", "{ ".repeat(100_000)),
        format!("define a0 = {{ 1.1.1.1, 2.2.2.2 }}\n{doubled}"),
        format!("{{\"nftables\":{}", "[{\"jump\":".repeat(100_000)),
    ];
    for text in texts {
        let (_, said) = parse(&text);
        assert!(!said.is_empty());
    }
}

#[test]
fn damaged_texts_are_read_without_panic() {
    let mut random = XorShiftRng::seed_from_u64(0x6e66_7400);
    for folder in fixtures() {
        for name in ["ruleset.nft", "ruleset.json"] {
            let text = file(&folder, name);
            for _ in 0..30 {
                let mut bytes = text.clone().into_bytes();
                for _ in 0..random.random_range(1..40) {
                    let at = random.random_range(0..bytes.len());
                    match random.random_range(0..4) {
                        0 => drop(bytes.remove(at)),
                        1 => bytes[at] = b"{}\"\n;,.@$*/-:!0a "[random.random_range(0..17)],
                        2 => bytes.insert(at, b"{}[]\"\n"[random.random_range(0..6)]),
                        _ => {
                            let end = (at + random.random_range(0..60)).min(bytes.len());
                            let piece: Vec<u8> = bytes[at..end].to_vec();
                            bytes.splice(at..at, piece);
                        }
                    }
                }
                parse(&String::from_utf8_lossy(&bytes));
            }
        }
    }
}
