//! What listens against what should. The lists of sockets are of one host, written by `ss`,
//! `nmap` and the kernel; what is to be found in them is written by hand.
#![expect(clippy::disallowed_methods, reason = "tests read files")]

use portwright::engine::{
    self, Answer, Document, Outcome, ProbeSocketsRequest, ProbeSocketsResult, Request,
    SocketEvidence, to_json,
};
use portwright::report;
use std::path::Path;

/// Host `b` is needed by `a` on these ports, at two addresses of IPv4 and two of IPv6.
const PLAN: &str = r#"{
  "portwright": "probe-plan/v1", "catalog": "test", "catalog_version": "1", "sample": "ends",
  "hosts": [
    {"name": "a", "addresses": ["10.77.0.1"], "roles": [], "listen": [], "dial": []},
    {"name": "b", "addresses": ["10.77.0.2", "10.77.0.20", "fd77::2"], "roles": [],
     "listen": [], "dial": []}],
  "targets": [{"id": "b", "title": "b", "members": [
    {"address": "10.77.0.2", "host": "b"}, {"address": "10.77.0.20", "host": "b"},
    {"address": "fd77::2", "host": "b"}]},
   {"id": "vip", "title": "vip", "members": [{"address": "10.77.0.99", "holders": ["b"]}]}],
  "flows": [
    {"id": "4", "family": "ipv4", "from": "a", "to": 0, "protocol": 6, "need": "required",
     "ports": "22,443,2381,6443,10250",
     "because": [{"requirement": "r1", "title": "ways in", "citation": "page 1"}]},
    {"id": "6", "family": "ipv6", "from": "a", "to": 0, "protocol": 6, "need": "required",
     "ports": "6443,10250", "because": [{"requirement": "r1", "title": "ways in"}]},
    {"id": "u", "family": "ipv4", "from": "a", "to": 0, "protocol": 17, "need": "optional",
     "ports": "53,123,4789", "because": [{"requirement": "r2", "title": "names and time"}]},
    {"id": "n", "family": "ipv4", "from": "a", "to": 0, "protocol": 6, "need": "required",
     "ports": "30000,32767", "sampled_from": "30000-32767",
     "because": [{"requirement": "r3", "title": "node ports"}]},
    {"id": "v", "family": "ipv4", "from": "a", "to": 1, "protocol": 6, "need": "required",
     "ports": "8443", "because": [{"requirement": "r4", "title": "gateway"}]}]
}"#;

fn fixture(name: &str) -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/sockets")
        .join(name);
    document(name, &std::fs::read_to_string(path).unwrap())
}

fn document(name: &str, text: &str) -> Document {
    Document {
        name: name.into(),
        text: text.into(),
    }
}

fn ask(evidence: Vec<Document>, before: bool) -> Answer {
    let evidence = evidence.into_iter().map(|document| SocketEvidence {
        document,
        host: None,
        namespace: None,
    });
    engine::call(&Request::ProbeSockets(ProbeSocketsRequest {
        plan: Some(document("plan.json", PLAN)),
        host: Some("b".into()),
        evidence: evidence.collect(),
        before,
        expected: vec!["sshd".into()],
        ..ProbeSocketsRequest::default()
    }))
}

fn result(answer: &Answer) -> &ProbeSocketsResult {
    match &answer.result {
        Some(Outcome::ProbeSockets(result)) => result,
        _ => panic!("{}", to_json(answer)),
    }
}

/// Code, protocol, ports and addresses of every finding.
fn found(answer: &Answer) -> Vec<String> {
    let hosts = &result(answer).hosts;
    let [host] = hosts.as_slice() else {
        panic!("{}", to_json(answer));
    };
    assert_eq!(host.host, "b");
    let findings = host.findings.iter().map(|finding| {
        let ports: Vec<String> = finding.ports.iter().map(u16::to_string).collect();
        format!(
            "{} {} {}: {}",
            finding.diagnostic.name,
            finding.protocol,
            ports.join(","),
            finding.addresses.join(" ")
        )
    });
    findings.collect()
}

#[track_caller]
fn check(evidence: &[&str], before: bool, expected: &[&str]) {
    let answer = ask(evidence.iter().map(|name| fixture(name)).collect(), before);
    assert!(answer.diagnostics.is_empty(), "{}", to_json(&answer));
    assert_eq!(found(&answer), expected, "{evidence:?}");
}

/// After the installation. `*:10250` is of both families, `[::]:6443` of IPv6 alone.
const AFTER: &[&str] = &[
    "loopback-only 6 2381: 10.77.0.2 10.77.0.20",
    "other-address 6 22: 10.77.0.20",
    "other-address 6 6443: 10.77.0.2 10.77.0.20",
    "other-address 17 123: 10.77.0.2 10.77.0.20",
    "not-listening 6 443: 10.77.0.2 10.77.0.20",
    "exposed-listener 17 546: ::",
];

/// The lists of /proc/net do not tell the two apart, so nothing is said of 6443.
const AFTER_PROC: &[&str] = &[
    "loopback-only 6 2381: 10.77.0.2 10.77.0.20",
    "other-address 6 22: 10.77.0.20",
    "other-address 17 123: 10.77.0.2 10.77.0.20",
    "not-listening 6 443: 10.77.0.2 10.77.0.20",
    "exposed-listener 17 546: ::",
];

#[test]
fn every_form_of_ss() {
    for name in ["ss-H.txt", "ss.txt", "ss-all.txt", "ss-anp.txt"] {
        check(&[name], false, AFTER);
    }
    check(&["ss-t.txt", "ss-u.txt"], false, AFTER);
    check(&["ss-u.txt"], false, &[AFTER[3], AFTER[5]]);
}

#[test]
fn lists_of_the_kernel() {
    let all = [
        "proc-tcp.txt",
        "proc-tcp6.txt",
        "proc-udp.txt",
        "proc-udp6.txt",
    ];
    check(&all, false, AFTER_PROC);
}

/// A scan says what does not listen at an address, and what does; of the rest it knows nothing.
#[test]
fn scans() {
    check(
        &["nmap.xml"],
        false,
        &[
            "other-address 6 22: 10.77.0.20",
            "not-listening 6 443,6443: 10.77.0.2 10.77.0.20",
            "not-listening 17 123: 10.77.0.2 10.77.0.20",
        ],
    );
    check(&["nmap6.xml"], false, &[]);
    check(&["nmap-so.xml"], false, &[]);
}

#[test]
fn before_the_installation() {
    check(
        &["ss.txt"],
        true,
        &[
            "port-taken 6 22: 10.77.0.2",
            "port-taken 6 2381: 127.0.0.1",
            "port-taken 6 6443: ::",
            "port-taken 6 10250: *",
            "port-taken 17 53: 0.0.0.0",
            "port-taken 17 4789: 0.0.0.0",
            "exposed-listener 17 546: ::",
            "unexpected-listener 17 123: fd77::2",
        ],
    );
    let line = r#"tcp LISTEN 0 5 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))"#;
    let answer = ask(vec![document("ss", line)], true);
    assert_eq!(found(&answer), Vec::<String>::new());
    assert_eq!(
        result(&answer).hosts[0].sockets[0].process.as_deref(),
        Some("sshd (pid 1)")
    );
}

/// A pool of ports and a virtual address ask for no socket, but what listens there is expected.
#[test]
fn pools_and_virtual_addresses() {
    let text = "tcp LISTEN 0 5 0.0.0.0:31234 0.0.0.0:*\ntcp LISTEN 0 5 0.0.0.0:8443 0.0.0.0:*\n\
                tcp LISTEN 0 5 0.0.0.0:9999 0.0.0.0:*\n";
    let answer = ask(vec![document("ss", text)], false);
    let exposed: Vec<_> = found(&answer)
        .into_iter()
        .filter(|f| f.starts_with("exposed"))
        .collect();
    assert_eq!(exposed, ["exposed-listener 6 9999: 0.0.0.0"]);
    let json = to_json(&answer);
    assert!(
        json.contains("\"node ports\"") && json.contains("\"gateway\""),
        "{json}"
    );
}

/// Old and unusual ways to write an address.
#[test]
fn addresses_of_ss() {
    for (local, address) in [
        (":::22", "::"),
        ("::1:22", "::1"),
        ("127.0.0.53%lo:22", "127.0.0.53"),
        ("[fe80::1]%eth0:22", "fe80::1"),
        ("[::ffff:10.0.0.1]:22", "10.0.0.1"),
        ("*:22", "*"),
    ] {
        let text = format!("tcp   LISTEN 0      128    {local}    *:*");
        let answer = ask(vec![document("ss", &text)], false);
        let sockets = &result(&answer).hosts[0].sockets;
        assert_eq!(
            (&*sockets[0].address, sockets[0].port),
            (address, Some(22)),
            "{local}"
        );
    }
}

/// Name of the text, the text, and message and place that are told.
#[test]
fn wrong_input_is_told_with_its_place() {
    for (name, text, part, line, column) in [
        ("ss", "hello world\n", "no line of `ss`", 1, 1),
        (
            "ss",
            "tcp LISTEN 0 5 0.0.0.0:22 *:*\ntcp LISTEN 0 5 *:ssh *:*",
            "no number",
            2,
            16,
        ),
        (
            "ss",
            "tcp LISTEN 0 5 10.0.0.999:1 *:*",
            "no local address",
            1,
            16,
        ),
        ("ss", "tcp LISTEN 0", "no line of `ss`", 1, 1),
        ("list", "  sl  local_address\n", "of which protocol", 1, 1),
        (
            "tcp",
            "  sl  local_address\n 0: xyz 0 0A\n",
            "no line of /proc/net",
            2,
            1,
        ),
        ("x.xml", "<nmaprun>\n<host>", "not the XML", 1, 1),
        ("x.xml", "<html/>", "`html` is not nmap's", 1, 1),
        (
            "x.xml",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><nmaprun>&a;</nmaprun>",
            "not the XML",
            1,
            1,
        ),
        (
            "x.xml",
            "<nmaprun><host><address addr=\"10.77.0.2\" addrtype=\"ipv4\"/><ports>\
             <port protocol=\"tcp\" portid=\"99999\"/></ports></host></nmaprun>",
            "not as nmap writes it",
            1,
            66,
        ),
    ] {
        let answer = ask(vec![document(name, text)], false);
        let told = answer
            .diagnostics
            .iter()
            .find(|one| one.message.contains(part));
        let told = told.unwrap_or_else(|| panic!("no `{part}` in {}", to_json(&answer)));
        let place = told.places.first().expect("a place");
        assert_eq!(
            (&*place.source, place.line, place.column),
            (name, line, column),
            "{text}"
        );
        assert!(told.help.is_some(), "{text}");
    }
}

#[test]
fn hostile_input_is_bounded() {
    let deep = format!("<nmaprun>{}", "<host>".repeat(1_000_000));
    let many = "tcp LISTEN 0 5 0.0.0.0:22 *:*\n".repeat(400_000);
    let junk = "x\n".repeat(400_000);
    for text in [&deep, &many, &junk] {
        let answer = ask(vec![document("x", text)], false);
        assert!(!answer.diagnostics.is_empty());
        assert!(answer.diagnostics.len() < 2000);
    }
    for name in ["nmap.xml", "ss-all.txt", "proc-tcp.txt"] {
        let whole = fixture(name).text;
        for end in (0..whole.len()).step_by(7) {
            ask(vec![document(name, &whole[..end])], false);
        }
    }
}

#[test]
fn for_terminals() {
    let answer = ask(vec![fixture("ss.txt")], false);
    let text = report::sockets(result(&answer), false);
    for part in [
        "b: 8 listen\n",
        "tcp       2381   127.0.0.1  python3 (pid 31839)  loopback",
        "error[PW702]: `python3` (pid 31839) offers tcp 2381 on 127.0.0.1 only",
        "tcp   LISTEN 0      5          127.0.0.1:2381",
        "4 errors, 2 warnings, 0 notes\n",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}
