//! firewalld's files and listings against what the real firewalld made of them, and against
//! hostile input.
//!
//! Each case under `fixtures/firewalld` holds the files (`etc/`), what `firewall-cmd` printed of
//! them (`zones.txt`, `policies.txt`) and the rules that firewalld 1.3.3 put into a kernel
//! (`nft.txt`), and packets with what that kernel did (`packets.tsv`).
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures from the file system"
)]

use portwright::dialect::{DIALECTS, HostFacts, Loaded, load};
use portwright::firewall::{Action, Chain, Firewall, Hook, Rule, Verdict, trace};
use portwright::net::{Family, Protocol, number};
use portwright::packet::{CtState, Fragment, IfName, Packet, RareValues, tcp_flags};
use portwright::source::Sources;
use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/firewalld");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

/// Every file under a folder, by path.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

fn load_paths(paths: &[PathBuf], host: &HostFacts) -> (Sources, Loaded) {
    let mut sources = Sources::default();
    let ids: Vec<_> = paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            sources.add(path.to_str().unwrap(), text)
        })
        .collect();
    let loaded = load(&sources, &ids, None, host);
    for (id, dialect) in &loaded.dialects {
        assert_eq!(*dialect, Some("firewalld"), "{}", sources.name(*id));
    }
    (sources, loaded)
}

/// A case read from its files.
fn of_files(case: &Path) -> (Sources, Loaded) {
    let mut paths = Vec::new();
    files(&case.join("etc"), &mut paths);
    load_paths(&paths, &HostFacts::default())
}

/// The same case read from what `firewall-cmd` prints; settings and sets have no listing.
fn of_listings(case: &Path) -> (Sources, Loaded) {
    let mut paths = vec![
        case.join("zones.txt"),
        case.join("policies.txt"),
        case.join("etc/firewalld.conf"),
    ];
    for folder in ["ipsets", "services"] {
        let folder = case.join("etc").join(folder);
        if folder.is_dir() {
            files(&folder, &mut paths);
        }
    }
    let direct = case.join("etc/direct.xml");
    paths.extend(direct.is_file().then_some(direct));
    load_paths(&paths, &HostFacts::default())
}

/// The chains of `nft list table`, with their rules.
fn listed(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        let words = line.trim();
        if let Some(name) = words.strip_prefix("chain ") {
            let name = name.trim_end_matches(" {").to_owned();
            chains.insert(name.clone(), Vec::new());
            current = Some(name);
        } else if words == "}" {
            current = None;
        } else if let Some(name) = &current
            && !words.is_empty()
            && !words.starts_with("type ")
        {
            chains.get_mut(name).unwrap().push(words.to_owned());
        }
    }
    chains
}

fn name(firewall: &Firewall, family: Family, rule: &Rule) -> String {
    let chain = |id| firewall.rules(family).chain(id).unwrap().name.clone();
    match &rule.action {
        _ if rule.translation().is_some() => "translates".into(),
        Action::Accept => "accept".into(),
        Action::Drop => "drop".into(),
        Action::Reject(_) => "reject".into(),
        Action::Jump(id) => format!("jump {}", chain(*id)),
        Action::Goto(id) => format!("goto {}", chain(*id)),
        other => format!("{other:?}"),
    }
}

/// What a rule of `nft list` does, as [`name`] says it.
fn does(rule: &str) -> String {
    let words: Vec<&str> = rule.split(' ').collect();
    for pair in words.windows(2) {
        if matches!(pair[0], "jump" | "goto") {
            return pair.join(" ");
        }
    }
    let translates = |word: &&str| matches!(*word, "masquerade" | "dnat" | "redirect");
    let all = ["accept", "drop", "reject"];
    match all.iter().find(|verdict| words.contains(verdict)) {
        Some(verdict) => (*verdict).to_owned(),
        None if words.iter().any(translates) => "translates".into(),
        None => String::new(),
    }
}

fn chains(loaded: &Loaded) -> Vec<&Chain> {
    let rules = loaded.firewall.rules(Family::V4);
    let own = rules.iter().map(|(_, chain)| chain);
    own.filter(|chain| chain.table == "inet firewalld")
        .collect()
}

/// What `ip` said of the host that the packets were sent to.
fn host() -> HostFacts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/firewalld-host");
    let mut sources = Sources::default();
    let mut add = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        Some(sources.add(name, text))
    };
    let (addresses, routes) = (add("addresses.json"), add("routes.json"));
    HostFacts::from_ip(&sources, addresses, routes).unwrap()
}

/// Reads a line of `packets.tsv`: the packet, where it goes, whether the kernel let it pass.
fn packet(line: &str) -> (Hook, Packet, bool) {
    let fields: Vec<&str> = line.split('\t').collect();
    let [
        hook,
        by,
        out,
        protocol,
        from,
        sport,
        to,
        dport,
        flags,
        state,
        verdict,
    ] = fields[..]
    else {
        panic!("{line}")
    };
    let name = |text: &str| {
        if text == "-" {
            IfName::NONE
        } else {
            IfName::new(text).unwrap()
        }
    };
    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let letters = tcp_flags::LETTERS;
    let flags = flags.chars().filter(|c| *c != '-');
    let flags = flags.map(|c| letters.iter().find(|(l, _)| *l == c).unwrap().1);
    let packet = Packet {
        family: Family::of(from),
        protocol: Protocol::parse(protocol).unwrap(),
        source: number(from),
        destination: number(to),
        source_port: sport.parse().unwrap(),
        destination_port: dport.parse().unwrap(),
        flags: flags.fold(0, |all, one| all | one),
        state: if state == "INVALID" {
            CtState::Invalid
        } else {
            CtState::New
        },
        in_interface: name(by),
        out_interface: name(out),
        mark: 0,
        conn_mark: 0,
        rare: RareValues::default(),
        fragment: Fragment::First,
    };
    let hook = if hook == "input" {
        Hook::Input
    } else {
        Hook::Forward
    };
    (hook, packet, verdict == "accept")
}

#[test]
fn packets_fare_as_in_the_kernel() {
    let mut report = String::new();
    let (mut judged, mut unknown) = (0, 0);
    for case in cases() {
        let mut paths = Vec::new();
        files(&case.join("etc"), &mut paths);
        let (_, loaded) = load_paths(&paths, &host());
        let text = fs::read_to_string(case.join("packets.tsv")).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (hook, packet, passed) = packet(line);
            let traced = trace(&loaded.firewall, hook, &packet);
            let ours = match traced.verdict {
                Verdict::Accept => Some(true),
                Verdict::Drop | Verdict::Reject => Some(false),
                Verdict::Unknown => None,
            };
            judged += 1;
            match ours {
                // Only the way back of IPv6 packets is not known.
                None if packet.family == Family::V6 => unknown += 1,
                _ if ours == Some(passed) => {}
                _ => {
                    report += &format!(
                        "{} {line}: {:?} {:?}\n",
                        case.display(),
                        traced.verdict,
                        traced.depends_on
                    )
                }
            }
        }
    }
    assert!(report.is_empty(), "{report}");
    assert!(judged > 5_000 && unknown * 3 < judged, "{judged} {unknown}");
}

/// Every chain of the kernel is there with as many rules that do the same, in the same order.
fn same_chains(loaded: &Loaded, kernel: &BTreeMap<String, Vec<String>>, from: &str) -> String {
    let mut report = String::new();
    let ours = chains(loaded);
    for chain in &ours {
        let Some(theirs) = kernel.get(&chain.name) else {
            report += &format!("{from}: chain {} is not in the kernel\n", chain.name);
            continue;
        };
        let mine: Vec<String> = chain
            .rules
            .iter()
            .map(|rule| name(&loaded.firewall, Family::V4, rule))
            .collect();
        let mut kernels: Vec<String> = theirs.iter().map(|rule| does(rule)).collect();
        let mut own: Vec<String> = mine.clone();
        for text in &mut own {
            if text.starts_with("Continue") {
                text.clear();
            }
        }
        // Listings sort services and keep no order of rich rules of one priority.
        if from.ends_with("listings") {
            own.sort();
            kernels.sort();
        }
        let agree = own == kernels;
        if !agree {
            report += &format!(
                "{from}: {}\n  ours {mine:#?}\n  kernel {theirs:#?}\n",
                chain.name
            );
        }
    }
    for name in kernel.keys() {
        if ours.iter().all(|chain| chain.name != *name) {
            report += &format!("{from}: chain {name} is missing\n");
        }
    }
    report
}

#[test]
fn chains_and_rules_are_those_of_the_kernel() {
    let mut report = String::new();
    for case in cases() {
        let kernel = listed(&fs::read_to_string(case.join("nft.txt")).unwrap());
        assert!(kernel.len() > 30, "{}", case.display());
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        for (from, (_, loaded)) in [("files", of_files(&case)), ("listings", of_listings(&case))] {
            report += &same_chains(&loaded, &kernel, &format!("{name} {from}"));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn every_text_is_recognised_by_its_own_dialect_only() {
    for case in cases() {
        let mut paths = Vec::new();
        files(&case.join("etc"), &mut paths);
        paths.extend([case.join("zones.txt"), case.join("policies.txt")]);
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            for dialect in DIALECTS {
                let score = (dialect.detect)(&text);
                assert_eq!(
                    score > 30,
                    dialect.id == "firewalld",
                    "{} {}",
                    path.display(),
                    dialect.id
                );
            }
        }
    }
}

fn one(name: &str, text: &str) -> Loaded {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    let loaded = load(&sources, &[id], Some("firewalld"), &HostFacts::default());
    for label in loaded.diagnostics.iter().flat_map(|d| &d.labels) {
        assert!(label.span.end as usize <= text.len(), "{:?}", label.span);
    }
    loaded
}

/// Whether some rule of a chain may do anything.
fn is_open(loaded: &Loaded, chain: &str) -> bool {
    let all = loaded.firewall.v4.iter();
    all.filter(|(_, found)| found.name == chain)
        .flat_map(|(_, found)| &found.rules)
        .any(|rule| matches!(rule.action, Action::Opaque { .. }))
}

#[test]
fn what_is_missing_or_unreadable_is_unknown_and_said() {
    let cases = [
        // What is written, which chain it leaves open, what is said, where.
        (
            r#"<zone><service name="nobody-knows"/></zone>"#,
            "filter_IN_z_allow",
            "service `nobody-knows`",
            r#"<service name="nobody-knows"/>"#,
        ),
        (
            r#"<zone><port port="70000" protocol="tcp"/></zone>"#,
            "filter_IN_z_pre",
            "found `70000`",
            "70000",
        ),
        (
            r#"<zone><surprise/></zone>"#,
            "filter_IN_z_pre",
            "`surprise` is not known",
            "<surprise/>",
        ),
        (
            r#"<zone><icmp-block name="nobody-knows"/></zone>"#,
            "filter_IN_z_deny",
            "ICMP type `nobody-knows`",
            r#"<icmp-block name="nobody-knows"/>"#,
        ),
        (
            r#"<zone><rule><service name="ssh"/><accept/><drop/></rule></zone>"#,
            "filter_IN_z_pre",
            "second `drop`",
            "<rule>",
        ),
    ];
    for (text, chain, message, place) in cases {
        let mut sources = Sources::default();
        let zone = sources.add("/etc/firewalld/zones/z.xml", text);
        let conf = sources.add(
            "/etc/firewalld/firewalld.conf",
            "DefaultZone=z\nLogDenied=off\n",
        );
        let loaded = load(&sources, &[zone, conf], None, &HostFacts::default());
        assert!(is_open(&loaded, chain), "{text}");
        let said = loaded
            .diagnostics
            .iter()
            .find(|d| d.message.contains(message));
        let said = said.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics));
        let shown = sources.slice(said.labels[0].span);
        assert!(shown == place || place == "<rule>", "{text}: {shown}");
    }
}

#[test]
fn an_unknown_default_zone_leaves_the_rest_open() {
    let loaded = one(
        "zones/z.xml",
        r#"<zone><interface name="eth0"/><service name="ssh"/></zone>"#,
    );
    assert!(is_open(&loaded, "filter_INPUT_ZONES"));
    let said = loaded
        .diagnostics
        .iter()
        .any(|d| d.message.contains("which zone is the default"));
    assert!(said, "{:?}", loaded.diagnostics);
}

#[test]
fn rules_that_firewalld_passes_over_change_nothing() {
    let loaded = one(
        "zones/z.xml",
        r#"<zone><rule><source address="10.0.0.0/8"/><accept/></rule></zone>"#,
    );
    assert!(!is_open(&loaded, "filter_IN_z_pre"));
    let said = loaded
        .diagnostics
        .iter()
        .any(|d| d.message.contains("passes over"));
    assert!(said, "{:?}", loaded.diagnostics);
}

#[test]
fn hostile_input_is_bounded() {
    let deep = "<zone>".repeat(200_000);
    let bomb = r#"<!DOCTYPE zone [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><zone><short>&b;</short></zone>"#;
    let external = r#"<!DOCTYPE zone [<!ENTITY x SYSTEM "file:///etc/passwd">]><zone><short>&x;</short></zone>"#;
    let many = format!("<zone>{}</zone>", r#"<service name="ssh"/>"#.repeat(20_000));
    let circle = r#"<service><include service="z"/><include service="y"/></service>"#;
    let texts = [
        deep.as_str(),
        bomb,
        external,
        many.as_str(),
        circle,
        "<zone",
        "<zone><interface name=\"\"/></zone>",
        "<zone><interface name=\"far-too-long-a-name\"/><source/></zone>",
        "<direct><rule ipv=\"ipv4\" table=\"x\" chain=\"\" priority=\"9\">\"</rule><passthrough ipv=\"ipv4\">-t</passthrough></direct>",
        "public (default\n  target: x\n  services: \u{e9}\n",
        "  target: default\n  services: ssh\n",
        "z\n  target: default\n  services:\n  rich rules:\n\trule \"\n\trule family=\n\u{e9}\n",
        "DefaultZone=\n=\nLogDenied\n",
        "\u{feff}<zone/>",
        "<ipset type=\"hash:net,net,net\"><entry>,</entry></ipset>",
    ];
    for text in texts {
        let _ = one("zones/z.xml", text);
    }
    let refused = one("zones/z.xml", bomb);
    assert!(
        refused
            .diagnostics
            .iter()
            .any(|d| d.message.contains("document type"))
    );
    assert!(is_open(&refused, "filter_INPUT"));
}

/// The rules of a zone with this inside, as text, the files given or not.
fn of_zone(inside: &str, files: &[(String, String)]) -> String {
    let mut sources = Sources::default();
    let zone = format!("<zone>{inside}</zone>");
    let mut ids = vec![
        sources.add("zones/z.xml", zone),
        sources.add("firewalld.conf", "DefaultZone=z\nLogDenied=off\n"),
    ];
    ids.extend(
        files
            .iter()
            .map(|(path, text)| sources.add(path.as_str(), text.as_str())),
    );
    let loaded = load(&sources, &ids, None, &HostFacts::default());
    let mut out = String::new();
    for family in Family::ALL {
        for (_, chain) in loaded.firewall.rules(family).iter() {
            for rule in chain
                .rules
                .iter()
                .filter(|_| chain.name.starts_with("filter_IN_z_"))
            {
                let does = name(&loaded.firewall, family, rule);
                out += &format!("{} {does} {:?}\n", chain.name, rule.matches);
            }
        }
    }
    out
}

/// The tables of services and the like against the package's own files, which
/// `PORTWRIGHT_FIREWALLD` names (`…/usr/lib/firewalld`).
#[test]
fn built_in_tables_hold_what_the_package_says() {
    let Ok(root) = std::env::var("PORTWRIGHT_FIREWALLD") else {
        eprintln!("NOT RUN: PORTWRIGHT_FIREWALLD names no /usr/lib/firewalld");
        return;
    };
    let mut differing = Vec::new();
    let mut compared = 0;
    for (folder, element) in [("services", "service"), ("icmptypes", "icmp-block")] {
        let mut all = Vec::new();
        for folder in [folder, "helpers"] {
            let mut paths = Vec::new();
            files(&Path::new(&root).join(folder), &mut paths);
            let texts = paths.iter().map(|path| {
                let name = path.to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            });
            all.extend(texts);
        }
        for (path, _) in all.iter().filter(|(path, _)| path.contains(folder)) {
            let name = path.rsplit('/').next().unwrap().trim_end_matches(".xml");
            let inside = format!(r#"<{element} name="{name}"/>"#);
            compared += 1;
            if of_zone(&inside, &all) != of_zone(&inside, &[]) {
                differing.push(name.to_owned());
            }
        }
    }
    assert!(compared > 200, "{compared}");
    assert_eq!(differing, [""; 0]);
}
