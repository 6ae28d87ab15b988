//! `iptables-save` and `ipset save` against what a kernel did, and against hostile input.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures from the file system"
)]

use portwright::dialect::iptables::{MATCHES, Support, TARGETS};
use portwright::dialect::{DIALECTS, HostFacts, Loaded, load};
use portwright::firewall::{Action, Decider, Firewall, Hook, Step, Traced, Verdict, trace};
use portwright::net::{Family, Protocol, number};
use portwright::packet::{CtState, Fragment, IfName, Packet, Rare, RareValues, tcp_flags};
use portwright::source::Sources;
use proptest::prelude::*;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/iptables-save");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
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
        conn_mark: 0,
        rare: RareValues::default(),
        fragment: Fragment::First,
    };
    packet.rare.set(Rare::Ttl, 64);
    packet.rare.set(Rare::Tos, 0);
    packet.rare.set(Rare::ExtensionHeaders, 0);
    let mut flags = "S";
    let mut ends = Vec::new();
    for word in text.split(' ').filter(|&word| word != ">") {
        match word.split_once('=') {
            Some(("in", name)) => packet.in_interface = IfName::new(name).unwrap(),
            Some(("out", name)) => packet.out_interface = IfName::new(name).unwrap(),
            Some(("flags", letters)) => flags = letters,
            Some(("mark", mark)) => packet.mark = mark.parse().unwrap(),
            Some(("connmark", mark)) => packet.conn_mark = mark.parse().unwrap(),
            Some((name @ ("ttl" | "tos" | "length" | "uid" | "gid" | "type" | "headers"), n)) => {
                let field = match name {
                    "ttl" => Rare::Ttl,
                    "tos" => Rare::Tos,
                    "length" => Rare::Length,
                    "uid" => Rare::Uid,
                    "gid" => Rare::Gid,
                    "type" => Rare::PacketType,
                    _ => Rare::ExtensionHeaders,
                };
                packet.rare.set(field, n.parse().unwrap());
            }
            Some(("mac", text)) => {
                let bytes = text
                    .split(':')
                    .map(|b| u128::from_str_radix(b, 16).unwrap());
                packet
                    .rare
                    .set(Rare::SourceMac, bytes.fold(0, |all, b| all << 8 | b));
            }
            Some(("frag", "later")) => packet.fragment = Fragment::Later,
            Some(("state", name)) => {
                packet.state = match name {
                    "NEW" => CtState::New,
                    "ESTABLISHED" => CtState::Established,
                    "ESTABLISHED-REPLY" => CtState::EstablishedReply,
                    "RELATED" => CtState::Related,
                    "RELATED-REPLY" => CtState::RelatedReply,
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
    let [from, to] = ends.as_slice() else {
        panic!("{text}")
    };
    packet.family = Family::of(from.ip());
    (packet.source, packet.source_port) = (number(from.ip()), from.port());
    (packet.destination, packet.destination_port) = (number(to.ip()), to.port());
    if packet.protocol == Protocol::TCP && packet.fragment == Fragment::First {
        let bit = |c| {
            tcp_flags::LETTERS
                .iter()
                .find(|(letter, _)| *letter == c)
                .unwrap()
                .1
        };
        packet.flags = flags.chars().map(bit).fold(0, |a, b| a | b);
    }
    packet
}

fn path(firewall: &Firewall, family: Family, traced: &Traced) -> String {
    let rules = firewall.rules(family);
    let steps = traced.steps.iter().filter_map(|step| {
        let Step::Decided(decider, verdict) = step else {
            return None;
        };
        let verdict = format!("{verdict:?}").to_lowercase();
        Some(match *decider {
            Decider::Rule(id) => {
                let chain = rules.chain(id.chain).unwrap();
                format!(
                    "{}/{}/{}:{verdict}",
                    chain.table,
                    chain.name,
                    rules.number(id)
                )
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
    for line in fs::read_to_string(case.join("host.txt"))
        .unwrap_or_default()
        .lines()
    {
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
    let mut faults = Vec::new();
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
                let found = path(&loaded.firewall, packet.family, &traced);
                let right = match *answer {
                    "unknown" => verdict == "unknown",
                    "verdict" => verdict == *kernel,
                    "exact" => verdict == *kernel && found == *way,
                    _ => panic!("{row}"),
                };
                if !right {
                    faults.push(format!(
                        "{place}: expected {answer} {kernel} {way}, found {verdict} {found}"
                    ));
                }
                assert_eq!(
                    traced.verdict == Verdict::Unknown,
                    !traced.depends_on.is_empty()
                );
                checked += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 200, "{checked}");
}

/// Loads texts under the names `a`, `b`, … and shows diagnostics as `CODE line:column`.
fn diagnose(texts: &[&str]) -> (Loaded, Vec<String>) {
    let mut sources = Sources::default();
    let names = ["a", "b", "c", "d"];
    let ids: Vec<_> = texts
        .iter()
        .zip(names)
        .map(|(text, name)| sources.add(name, *text))
        .collect();
    let loaded = load(&sources, &ids, None, &HostFacts::default());
    let shown = loaded
        .diagnostics
        .iter()
        .map(|d| {
            let at = sources.position(d.labels[0].span);
            format!("{} {}:{}", d.code.id, at.line, at.column)
        })
        .collect();
    (loaded, shown)
}

const HEAD: &str = "# Generated by iptables-save v1.8.9 on a day\n*filter\n:INPUT DROP [0:0]\n";

#[test]
fn what_is_not_understood_is_named_with_its_place() {
    // What stands in line 4 of a filter table, and the diagnostics.
    let lines: &[(&str, &[&str])] = &[
        ("-A INPUT -j ACCEPT", &[]),
        ("-A INPUT -s 10.0.0.300 -j ACCEPT", &["PW003 4:13"]),
        ("-A INPUT -s example.org -j ACCEPT", &["PW003 4:13"]),
        ("-A INPUT ! -s 10.0.0.1,10.0.0.2 -j DROP", &["PW003 4:15"]),
        ("-A INPUT ! -p all -j DROP", &["PW003 4:15"]),
        ("-A INPUT --dport 22 -j ACCEPT", &["PW003 4:10"]),
        (
            "-A INPUT -m multiport --dports 22 -j ACCEPT",
            &["PW003 4:13"],
        ),
        (
            "-A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 -j DROP",
            &["PW003 4:39"],
        ),
        ("-A INPUT -p tcp --dport 70:68 -j DROP", &["PW003 4:25"]),
        ("-A INPUT -p tcp --dport 65536 -j DROP", &["PW003 4:25"]),
        (
            "-A INPUT -j REJECT --reject-with tcp-reset",
            &["PW003 4:34"],
        ),
        (
            "-A INPUT -i a-name-that-is-too-long -j DROP",
            &["PW003 4:13"],
        ),
        (
            "-A INPUT -m comment --comment \"open -j DROP",
            &["PW003 4:31"],
        ),
        ("-A INPUT -m sorcery --spell x -j ACCEPT", &["PW006 4:13"]),
        ("-A INPUT -j NOSUCH", &["PW007 4:13"]),
        (
            "-A INPUT -m set --match-set gone src -j DROP",
            &["PW007 4:29"],
        ),
        ("-A OTHER -j DROP", &["PW007 4:4"]),
        (
            "-A INPUT -m conntrack --ctstate OLD -j DROP",
            &["PW003 4:33"],
        ),
        ("-D INPUT -j DROP", &["PW003 4:1"]),
        ("garbage", &["PW003 4:1"]),
        (
            "-A INPUT -m policy --dir in --pol ipsec --proto esp -j ACCEPT",
            &[],
        ),
    ];
    for (line, expected) in lines {
        let (loaded, shown) = diagnose(&[&format!("{HEAD}{line}\nCOMMIT\n")]);
        assert_eq!(shown, *expected, "{line}");
        // A line that cannot be read never lets a packet through unseen.
        if expected.iter().any(|d| d.starts_with("PW003")) {
            let traced = trace(
                &loaded.firewall,
                Hook::Input,
                &packet("tcp 10.0.0.1:1 > 10.0.0.2:2"),
            );
            assert_eq!(traced.verdict, Verdict::Unknown, "{line}");
        }
    }
}

#[test]
fn whole_texts() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("nothing known", &["hello\n"], &["PW004 1:1"]),
        ("empty", &[""], &["PW004 1:1"]),
        ("gzip", &["\u{1f}\u{fffd}\u{8}"], &["PW001 1:1"]),
        ("UTF-16", &["#\0 \0G\0e\0n\0e\0r\0"], &["PW001 1:2"]),
        (
            "cut off",
            &[&format!("{HEAD}-A INPUT -s 10.0.0.1 -j ACCEPT")],
            &["PW003 4:1"],
        ),
        (
            "family not told",
            &["*filter\n:INPUT DROP [0:0]\nCOMMIT\n"],
            &["PW006 1:1"],
        ),
        (
            "family told",
            &["*filter\n:INPUT DROP [0:0]\n-A INPUT -s ::1 -j DROP\nCOMMIT\n"],
            &[],
        ),
        (
            "twice",
            &[&format!("{HEAD}COMMIT\n"), &format!("{HEAD}COMMIT\n")],
            &["PW003 2:1"],
        ),
        (
            "a chain in the wrong table",
            &["# Generated by iptables-save v1.8.9\n*nat\n:FORWARD DROP [0:0]\nCOMMIT\n"],
            &["PW003 3:1"],
        ),
        (
            "a transcript",
            &[
                "root@gw:~# iptables-save\n# Generated by iptables-save v1.8.9\n*filter\n# iptables -S\n:INPUT DROP [0:0]\n-A INPUT -s 10.0.0.1 -j ACCEPT\nCOMMIT\nroot@gw:~#\n",
            ],
            &["PW003 1:1"],
        ),
        (
            "a listing",
            &["Chain INPUT (policy DROP 0 packets, 0 bytes)\n pkts bytes target\n"],
            &["PW003 1:1"],
        ),
        ("sets alone", &["create a hash:ip\nadd a 10.0.0.1\n"], &[]),
        (
            "a bad element",
            &["create a hash:ip\nadd a 10.0.0.999\nadd b 1.1.1.1\n"],
            &["PW003 2:1", "PW003 3:1"],
        ),
        (
            "a damaged set",
            &[
                &format!("{HEAD}-A INPUT -m set --match-set a src -j ACCEPT\nCOMMIT\n"),
                "create a hash:ip\nadd a 10.0.0.999\n",
            ],
            &["PW003 2:1"],
        ),
    ];
    for (title, texts, expected) in cases {
        assert_eq!(diagnose(texts).1, *expected, "{title}");
    }
}

#[test]
fn what_was_read_of_a_cut_off_export_stays_in_use() {
    let (loaded, _) = diagnose(&[&format!("{HEAD}-A INPUT -s 10.0.0.1 -j ACCEPT")]);
    let verdict = |text| trace(&loaded.firewall, Hook::Input, &packet(text)).verdict;
    assert_eq!(verdict("tcp 10.0.0.1:1 > 10.0.0.2:2"), Verdict::Accept);
    assert_eq!(verdict("tcp 10.0.0.3:1 > 10.0.0.2:2"), Verdict::Unknown);
}

#[test]
fn forms_of_the_same_rules_give_the_same_model() {
    let rules =
        "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j u\n-A u -j DROP\n";
    let forms = [
        format!("*filter\n:INPUT DROP [0:0]\n:u - [0:0]\n{rules}COMMIT\n"),
        format!("\u{feff}*filter\r\n:INPUT DROP [0:0]\r\n:u - [0:0]\r\n{}COMMIT\r\n", rules.replace('\n', "\r\n")),
        format!("-P INPUT DROP\n-N u\n{rules}"),
        format!("*filter\n:INPUT DROP\n:u -\n{}COMMIT\n", rules.replace("-A", "[3:180] -A")),
        format!("*filter\n:INPUT DROP [1:2]\n:u - [0:0]\n{}COMMIT\n", rules.replace(" -j", " -c 3 180 -j")),
        "*filter\n:INPUT DROP\n:u -\n--append INPUT --source 10.0.0.0/255.0.0.0 --protocol tcp --destination-port ssh --jump ACCEPT\n-A INPUT -j u\n-A u -j DROP\nCOMMIT\n".into(),
        "*filter\n:INPUT DROP\n:u -\n-A INPUT -j u\n-I INPUT 1 -p tcp -s 10.0.0.0/8 --dport 22 -j ACCEPT\n-A u -j DROP\nCOMMIT\n".into(),
        format!("# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n*filter\n:INPUT DROP [0:0]\n:u - [0:0]\n{rules}COMMIT\n"),
    ];
    let shape = |text: &str| {
        let (loaded, _) = diagnose(&[text]);
        let chains = loaded.firewall.v4.chains.iter().map(|chain| {
            let rules = chain
                .rules
                .iter()
                .map(|r| (r.matches.clone(), r.action.clone()));
            let base = chain.base.map(|b| (b.hook, b.policy));
            (chain.name.clone(), base, rules.collect::<Vec<_>>())
        });
        chains.collect::<Vec<_>>()
    };
    let first = shape(&forms[0]);
    assert_eq!(first.len(), 2);
    for form in &forms {
        assert_eq!(shape(form), first, "{form}");
    }
}

#[test]
fn every_extension_has_a_support_state() {
    let text = include_str!("../fixtures/iptables-extensions.txt");
    let mut rows = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        rows += 1;
        let (kind, name) = line.split_once(' ').unwrap();
        let known = match kind {
            "match" => MATCHES.iter().any(|row| row.name == name),
            _ => TARGETS.iter().any(|row| row.name == name),
        };
        assert!(known, "{line}");
    }
    assert_eq!(rows, 100);
    // A state that asks for a reason has one.
    for row in MATCHES {
        assert_eq!(
            row.note.is_empty(),
            row.state == Support::Full,
            "{}",
            row.name
        );
    }
}

#[test]
fn specs_of_several_tables_are_told_apart() {
    let tables = |text: &str| {
        let (loaded, _) = diagnose(&[text]);
        let chains = loaded.firewall.v4.chains.iter();
        chains
            .map(|c| format!("{}/{} {}", c.table, c.name, c.rules.len()))
            .collect::<Vec<_>>()
    };
    let nat = "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n-A POSTROUTING -s 10.0.0.0/8 -j ACCEPT\n";
    let filter =
        "-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-N u\n-A INPUT -s 10.0.0.1 -j u\n";
    let raw = "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n";
    let expected = [
        "filter/INPUT 1",
        "filter/FORWARD 0",
        "filter/OUTPUT 0",
        "filter/u 0",
        "nat/PREROUTING 0",
        "nat/INPUT 0",
        "nat/OUTPUT 0",
        "nat/POSTROUTING 1",
        "raw/PREROUTING 0",
        "raw/OUTPUT 0",
    ];
    assert_eq!(tables(&format!("{filter}{nat}{raw}")), expected);
    let named =
        format!("# iptables -S\n{filter}# iptables -t nat -S\n{nat}# iptables -t raw -S\n{raw}");
    assert_eq!(tables(&named), expected);
    // A policy that the table does not have in the text is the command's all the same.
    let part = "$ sudo iptables -t mangle -S PREROUTING\n-P PREROUTING ACCEPT\n";
    assert_eq!(tables(part), ["mangle/PREROUTING 0"]);
}

#[test]
fn both_families_and_both_backends_in_one_file() {
    let v4 = "# Generated by iptables-legacy-save v1.8.9 on a day\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\nCOMMIT\n";
    let nft = "# Generated by iptables-nft-save v1.8.9 (nf_tables) on a day\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j DROP\nCOMMIT\n";
    let v6 = "# Generated by ip6tables-save v1.8.9 on a day\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n";
    let (loaded, shown) = diagnose(&[&format!("{v4}{nft}{v6}")]);
    assert_eq!(shown, [""; 0]);
    let verdict = |text| trace(&loaded.firewall, Hook::Input, &packet(text)).verdict;
    assert_eq!(verdict("tcp 10.0.0.1:1 > 10.0.0.2:2"), Verdict::Drop);
    assert_eq!(verdict("udp 10.0.0.1:1 > 10.0.0.2:2"), Verdict::Drop);
    assert_eq!(verdict("sctp 10.0.0.1:1 > 10.0.0.2:2"), Verdict::Accept);
    assert_eq!(verdict("sctp [::1]:1 > [::2]:2"), Verdict::Drop);
}

#[test]
fn spans_are_the_lines_and_generated_chains_are_known() {
    let mut sources = Sources::default();
    let text = format!(
        "{HEAD}:KUBE-SERVICES - [0:0]\n:cali-INPUT - [0:0]\n:DOCKER-USER - [0:0]\n:mine - [0:0]\n  [1:2] -A INPUT -m comment --comment \"why\" -j ACCEPT  \nCOMMIT\n"
    );
    let id = sources.add("a", text);
    let loaded = load(&sources, &[id], None, &HostFacts::default());
    let chains = &loaded.firewall.v4.chains;
    let rule = &chains[0].rules[0];
    assert_eq!(
        sources.slice(rule.span),
        "-A INPUT -m comment --comment \"why\" -j ACCEPT"
    );
    assert_eq!(rule.comment.as_deref(), Some("why"));
    assert_eq!(
        sources.slice(chains[0].base.unwrap().span),
        ":INPUT DROP [0:0]"
    );
    let generated: Vec<bool> = chains.iter().map(|c| c.generated).collect();
    assert_eq!(generated, [false, true, true, false, false]);
}

#[test]
fn a_large_set_becomes_one_cube() {
    let mut set = String::from("create big hash:ip family inet maxelem 70000\n");
    let mut pairs = String::from("create pairs hash:ip,port family inet maxelem 70000\n");
    for i in 0..65_536u32 {
        let [_, _, a, b] = (i * 2).to_be_bytes();
        set.push_str(&format!("add big 10.{}.{a}.{b}\n", i / 32_768));
        pairs.push_str(&format!(
            "add pairs 10.0.{}.{},tcp:{}\n",
            i >> 8 & 255,
            i >> 4 & 15,
            i & 15
        ));
    }
    let rules = format!(
        "{HEAD}-A INPUT -m set --match-set big src -j ACCEPT\n-A INPUT -m set ! --match-set big src -j DROP\n-A INPUT -m set --match-set pairs src,dst -j ACCEPT\nCOMMIT\n"
    );
    let (loaded, shown) = diagnose(&[&set, &rules, &pairs]);
    assert_eq!(shown, [""; 0]);
    let rules = &loaded.firewall.v4.chains[0].rules;
    assert_eq!(
        rules.iter().map(|r| r.matches.len()).collect::<Vec<_>>(),
        [1, 1, 1]
    );
    assert!(rules[0].matches[0].source.intervals().len() > 30_000);
}

/// Pieces that exports are made of, so that random texts get far into the parser.
fn pieces() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "*filter\n",
        "*nat\n",
        "*raw\n",
        "COMMIT\n",
        ":INPUT DROP [0:0]\n",
        ":u - [0:0]\n",
        "-A INPUT ",
        "-A u ",
        "-I INPUT ",
        "-F INPUT\n",
        "-D u ",
        "-j u\n",
        "-g u\n",
        "-j ACCEPT\n",
        "-j MARK --set-xmark 1/0x3\n",
        "-p tcp ",
        "-p icmp ",
        "! ",
        "-s 10.0.0.0/8 ",
        "-s ::1/128 ",
        "-d 0/0 ",
        "-i eth+ ",
        "--dport 1:2 ",
        "-m tcp ",
        "-m multiport --ports 1,2:3 ",
        "-m set --match-set s src,dst ",
        "-m mark --mark 1/2 ",
        "-m conntrack --ctstate NEW,DNAT --ctdir REPLY ",
        "-m addrtype --dst-type LOCAL,UNICAST ",
        "--icmp-type 3/4 ",
        "-m iprange --src-range 1.1.1.1-2.2.2.2 ",
        "--tcp-flags SYN,ACK SYN ",
        "-m comment --comment ",
        "\"a \\\" b\" ",
        "\"",
        "\\",
        "\n",
        " ",
        "[1:2] ",
        "create s hash:net,port\n",
        "create s hash:ip timeout 5\n",
        "add s 10.0.0.0/8,tcp:1-9 nomatch\n",
        "add s 10.0.0.1\n",
        "# Generated by ip6tables-nft-save v1.8.9 (nf_tables)\n",
        "\0",
        "é",
        "-",
        "--",
        "-m",
        "-j",
        "65536",
        "::/0",
    ];
    let word = prop_oneof![
        9 => prop::sample::select(WORDS).prop_map(str::to_string),
        1 => any::<String>(),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// Loads a text in every way and checks that spans lie in it.
fn survives(text: &str) {
    for named in [None, Some("iptables-save"), Some("none")] {
        let mut sources = Sources::default();
        let ids = [
            sources.add("a", text),
            sources.add("b", "create s hash:ip,port\nadd s 1.1.1.1,udp:5\n"),
        ];
        let loaded = load(&sources, &ids, named, &HostFacts::default());
        let inside = |span: portwright::source::Span| {
            let text = sources.get(span.source).unwrap().text();
            let (start, end) = (span.start as usize, span.end as usize);
            assert!(start <= end && text.get(start..end).is_some(), "{span:?}");
        };
        loaded
            .diagnostics
            .iter()
            .flat_map(|d| &d.labels)
            .for_each(|l| inside(l.span));
        for rules in [&loaded.firewall.v4, &loaded.firewall.v6] {
            for chain in &rules.chains {
                inside(chain.span);
                for rule in &chain.rules {
                    inside(rule.span);
                    if let Action::Jump(to) | Action::Goto(to) = rule.action {
                        assert!(rules.chain(to).is_some());
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in pieces()) {
        survives(&text);
    }

    #[test]
    fn no_mutation_makes_it_panic(case in any::<prop::sample::Index>(), cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..9, pieces()), 1..4)) {
        let cases = fixtures();
        let case = case.get(&cases);
        let mut text = ["input.rules", "input6.rules", "ipset.save"]
            .iter()
            .filter_map(|file| fs::read_to_string(case.join(file)).ok())
            .collect::<String>();
        for (at, length, new) in cuts {
            let boundary = |at| (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let start = boundary(at.index(text.len() + 1));
            let end = boundary((start + length).min(text.len()));
            text.replace_range(start..end.max(start), &new);
        }
        survives(&text);
    }
}

#[test]
fn every_export_is_known_by_its_content() {
    for case in fixtures() {
        for (file, id) in [
            ("input.rules", "iptables-save"),
            ("input6.rules", "iptables-save"),
            ("ipset.save", "ipset-save"),
        ] {
            let Ok(text) = fs::read_to_string(case.join(file)) else {
                continue;
            };
            let found: Vec<_> = DIALECTS
                .iter()
                .filter(|d| (d.detect)(&text) > 0)
                .map(|d| d.id)
                .collect();
            assert_eq!(found, [id], "{} {file}", case.display());
        }
    }
}

#[test]
fn a_line_beyond_the_limit_is_not_read_but_counted() {
    let long = format!(
        "-A INPUT -m comment --comment {} -j ACCEPT",
        "x".repeat(70_000)
    );
    let (loaded, shown) = diagnose(&[&format!("{HEAD}{long}\nCOMMIT\n")]);
    assert_eq!(shown, ["PW002 4:1", "PW003 4:1"]);
    assert_eq!(loaded.firewall.v4.chains[0].rules.len(), 1);
    let traced = trace(
        &loaded.firewall,
        Hook::Input,
        &packet("tcp 10.0.0.1:1 > 10.0.0.2:2"),
    );
    assert_eq!(traced.verdict, Verdict::Unknown);
}

#[test]
fn diagnostics_are_bounded() {
    let (_, shown) = diagnose(&[&format!("{HEAD}{}COMMIT\n", "-A INPUT bad\n".repeat(5_000))]);
    assert_eq!(shown.len(), 1_001);
}
