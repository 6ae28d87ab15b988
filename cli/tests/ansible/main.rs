//! The Ansible collection, end to end: from a bare control node over ssh to hosts in network
//! namespaces, with faults planted between them.
//!
//! Runs with `PORTWRIGHT_ANSIBLE` and `PORTWRIGHT_PYTHON` (as `cargo xtask test` sets them: where
//! the collection is installed, and where Ansible's programs are), as root, on Linux.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run programs, use files, threads and clocks"
)]

#[path = "../probe/namespace.rs"]
mod namespace;
mod rig;

use portwright::probe::{Evidence, Probe, Record, Verdict};
use rig::{Played, Rig};
use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::time::Duration;

/// What the playbook may take.
const MINUTE: Duration = Duration::from_secs(60);

/// Whether the test can run; says so when not.
fn enabled() -> bool {
    let enabled = std::env::var_os("PORTWRIGHT_ANSIBLE").is_some();
    if !enabled {
        eprintln!("NOT RUN: it needs the built collection (cargo xtask test --only hosts)");
    }
    enabled
}

impl Played {
    #[track_caller]
    fn ended_with(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        assert!(!self.text.contains("c4n4ry"), "{}", self.text);
        assert!(!self.text.contains("Traceback"), "{}", self.text);
    }
}

impl Rig {
    /// Three faults that must be found: at a host a DROP and a REJECT, on the way a DROP.
    fn plant(&self) {
        let filter = |rule: &str| format!("*filter\n{rule}\nCOMMIT\n");
        let [first, second, third] = self.hosts.as_slice() else {
            panic!("three hosts");
        };
        let none = "*filter\nCOMMIT\n";
        first
            .network
            .filter(&filter("-A INPUT -p tcp --dport 6443 -j DROP"), none);
        third
            .network
            .filter(&filter("-A INPUT -p tcp --dport 10250 -j REJECT"), none);
        let vxlan = filter("-A FORWARD -d 10.88.2.2 -p udp --dport 4789 -j DROP");
        self.router.filter(&vxlan, none);
        assert_eq!(second.network.name, "node2");
    }

    /// Probes of all hosts, as their files of results have them.
    fn probes(&self) -> Vec<(String, Probe)> {
        let folder = self.folder.join("control/portwright-probe");
        let mut all = Vec::new();
        for host in &self.hosts {
            let name = host.network.name;
            let path = folder.join(format!("{name}.run.jsonl"));
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            for line in text.lines() {
                if let Record::Probe(probe) = serde_json::from_str(line).expect("a record") {
                    all.push((name.to_owned(), probe));
                }
            }
        }
        all
    }
}

fn address(host: usize) -> IpAddr {
    IpAddr::from([10, 88, u8::try_from(host).expect("few hosts"), 2])
}

#[test]
fn planted_faults_are_found_from_every_source() {
    if !enabled() {
        return;
    }
    let rig = Rig::new("ansible-planted", &["node1", "node2", "node3"]);
    rig.plant();
    let before = rig.state();
    let played = rig.play("portwright.probe.site", &rig.inventory(&["gone"]), &[]);
    played.ended_with(2);
    assert!(played.took < MINUTE, "{:?}\n{}", played.took, played.text);
    assert_eq!(rig.state(), before);
    assert_eq!(rig.programs(), Default::default());

    let mut faults: BTreeMap<(IpAddr, Option<u16>), Vec<String>> = BTreeMap::new();
    for (from, probe) in rig.probes() {
        // Nothing answers to IP in IP; what the observer saw of it is in the report.
        let is_open = probe.verdict == Verdict::Open || probe.protocol == 4;
        if is_open || probe.to == address(4) {
            continue;
        }
        let verdict = match probe.evidence {
            Evidence::Icmp { offender, .. } => format!("{:?} by {offender}", probe.verdict),
            _ => format!("{:?}", probe.verdict),
        };
        let fault = faults.entry((probe.to, probe.port)).or_default();
        fault.push(format!("{from}: {verdict}"));
    }
    let lines = |text: &[&str]| text.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = BTreeMap::from([
        (
            (address(1), Some(6443)),
            lines(&["node2: Dropped", "node3: Dropped"]),
        ),
        (
            (address(3), Some(10250)),
            lines(&[
                "node1: Rejected by 10.88.3.2",
                "node2: Rejected by 10.88.3.2",
            ]),
        ),
        (
            (address(2), Some(4789)),
            // The source alone cannot tell; the report can, with what node2 saw.
            lines(&["node1: Unknown", "node3: Unknown"]),
        ),
    ]);
    assert_eq!(faults, expected, "{}", played.text);
    for part in [
        "tcp/6443 from `node2` and `node3` to `node1` is dropped by the firewall of `node1`",
        "node1.iptables:",
        "tcp/10250 from `node1` and `node2` to `node3` is rejected by the firewall of `node3`",
        "node3.iptables:",
        "udp/4789 from `node1` and `node3` to `node2` is dropped",
        "though the exports permit it",
        "no run from: gone",
        "requirements are not met",
    ] {
        assert!(played.text.contains(part), "{part}: {}", played.text);
    }
    for report in ["report.json", "report.html", "report.xml"] {
        let path = rig.folder.join("control/portwright-probe").join(report);
        assert!(fs::read_to_string(path).is_ok_and(|text| text.contains("gone")));
    }
}

#[test]
fn what_works_is_no_failure() {
    if !enabled() {
        return;
    }
    let rig = Rig::new("ansible-clean", &["node1", "node2", "node3"]);
    let before = rig.state();
    let played = rig.play("portwright.probe.site", &rig.inventory(&[]), &[]);
    played.ended_with(0);
    assert_eq!(rig.state(), before);
    assert_eq!(rig.programs(), Default::default());
    let shut = |(_, probe): &(String, Probe)| {
        // Nothing answers to IP in IP; what the observer saw of it is in the report.
        !matches!(probe.verdict, Verdict::Open | Verdict::Unknown)
    };
    assert_eq!(rig.probes().iter().filter(|one| shut(one)).count(), 0);
}

#[test]
fn a_program_that_is_not_there_is_told() {
    if !enabled() {
        return;
    }
    let rig = Rig::new("ansible-program", &["node1"]);
    let programs = r#"{"portwright_programs": {"x86_64": "/nowhere", "aarch64": "/nowhere"}}"#;
    let played = rig.play(
        "portwright.probe.site",
        &rig.inventory(&[]),
        &["-e", programs],
    );
    played.ended_with(2);
    assert!(played.text.contains("says `/nowhere`"), "{}", played.text);
}

#[test]
fn check_mode_changes_nothing() {
    if !enabled() {
        return;
    }
    let rig = Rig::new("ansible-check", &["node1", "node2", "node3"]);
    let before = rig.state();
    for playbook in ["portwright.probe.site", "portwright.probe.exports"] {
        let played = rig.play(playbook, &rig.inventory(&["gone"]), &["--check"]);
        played.ended_with(0);
        for host in ["node1", "node2", "node3"] {
            assert!(played.text.contains(host), "{}", played.text);
        }
    }
    assert_eq!(rig.state(), before);
    assert_eq!(rig.programs(), Default::default());
    for folder in ["portwright-probe", "portwright-exports"] {
        assert!(!rig.folder.join("control").join(folder).exists());
    }
}

#[test]
fn exports_are_collected_and_linted_together() {
    if !enabled() {
        return;
    }
    let rig = Rig::new("ansible-exports", &["node1", "node2", "node3"]);
    rig.plant();
    let before = rig.state();
    let played = rig.play("portwright.probe.exports", &rig.inventory(&[]), &[]);
    played.ended_with(2);
    assert_eq!(rig.state(), before);
    let folder = rig.folder.join("control/portwright-exports");
    for (file, part) in [
        ("node1.iptables", "--dport 6443 -j DROP"),
        ("node2.addr.json", "10.88.2.2"),
        ("node2.route.json", "10.88.2.1"),
        ("node3.iptables", "--dport 10250 -j REJECT"),
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        assert!(text.contains(part), "{file}: {text}\n{}", played.text);
    }
    for part in ["node1.iptables", "node3.iptables", "PW201"] {
        assert!(played.text.contains(part), "{part}: {}", played.text);
    }
}
