//! Reports of live probes: every rule by which what the source saw, what was seen at the target
//! and what exports say are put together; and results that are not whole.

use portwright::diagnostic::Severity;
use portwright::engine::{
    self, Answer, Document, ExportInput, Outcome, ProbeFinding, ProbeReportRequest,
    ProbeReportResult, Request, to_json,
};
use portwright::probe::{Agreement, Verdict, plan_hash};
use portwright::report;

/// a dials b: tcp/80, udp/90, IP in IP, an echo, and a virtual address that b or c may hold.
const PLAN: &str = r#"{"portwright": "probe-plan/v1", "catalog": "c", "catalog_version": "1", "sample": "all",
"hosts": [
 {"name": "a", "addresses": ["10.0.0.1"], "roles": [], "listen": [], "dial": [
   {"flow": 0, "from": ["10.0.0.1"]}, {"flow": 1, "from": ["10.0.0.1"]}, {"flow": 2, "from": ["10.0.0.1"]},
   {"flow": 3, "from": ["10.0.0.1"]}, {"flow": 4, "from": ["10.0.0.1"]}]},
 {"name": "b", "addresses": ["10.0.0.2"], "roles": [], "dial": [], "listen": [
   {"protocol": 4, "addresses": ["10.0.0.2"]}, {"protocol": 6, "ports": "80", "addresses": ["10.0.0.2"]},
   {"protocol": 6, "ports": "443", "addresses": ["10.0.0.9"]}, {"protocol": 17, "ports": "90", "addresses": ["10.0.0.2"]}]},
 {"name": "c", "addresses": ["10.0.0.3"], "roles": [], "dial": [], "listen": [
   {"protocol": 6, "ports": "443", "addresses": ["10.0.0.9"]}]}],
"targets": [
 {"id": "b", "title": "B", "members": [{"address": "10.0.0.2", "host": "b"}]},
 {"id": "v", "title": "V", "members": [{"address": "10.0.0.9", "holders": ["b", "c"]}]}],
"flows": [
 {"id": "web", "family": "ipv4", "from": "A", "to": 0, "protocol": 6, "ports": "80", "need": "required",
  "because": [{"requirement": "r.web", "title": "Web", "citation": "Book, page 7"}]},
 {"id": "tunnel", "family": "ipv4", "from": "A", "to": 0, "protocol": 17, "ports": "90", "need": "required", "because": []},
 {"id": "ipip", "family": "ipv4", "from": "A", "to": 0, "protocol": 4, "need": "required", "because": []},
 {"id": "echo", "family": "ipv4", "from": "A", "to": 0, "protocol": 1, "icmp": [8, 0], "need": "debug", "because": []},
 {"id": "vip", "family": "ipv4", "from": "A", "to": 1, "protocol": 6, "ports": "443", "need": "optional", "because": []}]}"#;

const CONNECTED: &str = r#"{"saw": "connected"}"#;
const RESET: &str = r#"{"saw": "reset"}"#;
const SILENCE: &str = r#"{"saw": "silence", "waited": 4000}"#;
const REPLY: &str = r#"{"saw": "reply", "nonce": true}"#;

fn icmp(offender: &str, kind: u8, code: u8) -> String {
    format!(
        r#"{{"saw": "icmp", "offender": "{offender}", "icmp_type": {kind}, "icmp_code": {code}}}"#
    )
}

fn errno(call: &str, errno: &str) -> String {
    format!(r#"{{"saw": "local-error", "call": "{call}", "errno": "{errno}"}}"#)
}

fn start(task: &str, host: &str, privileged: bool, time: &str) -> String {
    let plan = plan_hash(PLAN);
    format!(
        r#"{{"record": "start", "portwright": "probe-result/v1", "task": "{task}", "host": "{host}", "time": "2026-11-22T10:{time}Z", "plan": "{plan}", "privileged": {privileged}}}"#
    )
}

fn end(time: &str) -> String {
    format!(r#"{{"record": "end", "time": "2026-11-22T10:{time}Z"}}"#)
}

/// A record of one flow: destination, protocol and port are the plan's.
fn of_flow(flow: usize) -> &'static str {
    match flow {
        0 => r#""from": "10.0.0.1", "to": "10.0.0.2", "protocol": 6, "port": 80"#,
        1 => r#""from": "10.0.0.1", "to": "10.0.0.2", "protocol": 17, "port": 90"#,
        2 => r#""from": "10.0.0.1", "to": "10.0.0.2", "protocol": 4"#,
        3 => r#""from": "10.0.0.1", "to": "10.0.0.2", "protocol": 1"#,
        _ => r#""from": "10.0.0.1", "to": "10.0.0.9", "protocol": 6, "port": 443"#,
    }
}

fn probed(flow: usize, evidence: &str) -> String {
    let what = of_flow(flow);
    format!(
        r#"{{"record": "probe", {what}, "verdict": "unknown", "evidence": {evidence}, "tries": 2, "micros": 9, "nonce": "00{flow}"}}"#
    )
}

fn listening(flow: usize, state: &str) -> String {
    let service = match flow {
        0 => r#""protocol": 6, "port": 80, "address": "0.0.0.0""#,
        1 => r#""protocol": 17, "port": 90, "address": "10.0.0.2""#,
        2 => r#""protocol": 4, "address": "10.0.0.2""#,
        _ => r#""protocol": 6, "port": 443, "address": "10.0.0.9""#,
    };
    format!(r#"{{"record": "listening", {service}, "state": "{state}"}}"#)
}

fn seen(flow: usize, at: &str) -> String {
    format!(r#"{{"record": "seen", {}, "at": "{at}"}}"#, of_flow(flow))
}

fn document(name: &str, text: impl Into<String>) -> Document {
    Document {
        name: name.into(),
        text: text.into(),
    }
}

fn ask(results: Vec<Document>, exports: Vec<ExportInput>) -> Answer {
    engine::call(&Request::ProbeReport(ProbeReportRequest {
        plan: Some(document("plan.json", PLAN)),
        results,
        exports,
    }))
}

fn result(answer: &Answer) -> &ProbeReportResult {
    match &answer.result {
        Some(Outcome::ProbeReport(result)) => result,
        _ => panic!("{}", to_json(answer)),
    }
}

/// What b's listener tells.
#[derive(Clone, Copy)]
enum Listener {
    /// It was not there.
    No,
    /// These records, without raw sockets.
    Plain(&'static [(&'static str, usize, &'static str)]),
    /// These records, with an observer.
    Root(&'static [(&'static str, usize, &'static str)]),
}

/// One rule: what a saw of one flow, what b's listener and the exports say, and what the report
/// must make of it.
struct Case {
    name: &'static str,
    flow: usize,
    saw: String,
    listener: Listener,
    /// Host and its filter table.
    exports: &'static [(&'static str, &'static str)],
    verdict: Verdict,
    agreement: Agreement,
    /// Code and who is to blame.
    finding: Option<(&'static str, &'static str)>,
}

use Agreement::{Agrees, NotPredicted, NotTested, StaleExport, UnexportedFirewall};
use Listener::{No, Plain, Root};
use Verdict::{BlockedLocally, Closed, Dropped, Open, Rejected, Unknown, Unreachable};

const OPEN: &str = ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n";
const NO_WEB: &str =
    ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -j DROP\n";
const NO_WEB_OUT: &str =
    ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -m tcp --dport 80 -j DROP\n";
const NO_ANSWER: &str =
    ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -m tcp --sport 80 -j DROP\n";
const REFUSES_WEB: &str = ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset\n";
const OPAQUE: &str = ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -m string --string x --algo bm -j DROP\n";

const STUB0: &[(&str, usize, &str)] = &[("listening", 0, "stub")];
const STUB0_ARRIVED: &[(&str, usize, &str)] = &[("listening", 0, "stub"), ("seen", 0, "interface")];
const TAKEN0_ARRIVED: &[(&str, usize, &str)] =
    &[("listening", 0, "taken"), ("seen", 0, "interface")];
const TAKEN0_PASSED: &[(&str, usize, &str)] = &[
    ("listening", 0, "taken"),
    ("seen", 0, "interface"),
    ("seen", 0, "accepted"),
];
const TAKEN1_PASSED: &[(&str, usize, &str)] = &[
    ("listening", 1, "taken"),
    ("seen", 1, "interface"),
    ("seen", 1, "accepted"),
];
const TAKEN1_ARRIVED: &[(&str, usize, &str)] =
    &[("listening", 1, "taken"), ("seen", 1, "interface")];
const TAKEN1: &[(&str, usize, &str)] = &[("listening", 1, "taken")];
const STUB1: &[(&str, usize, &str)] = &[("listening", 1, "stub")];
const STUB1_PASSED: &[(&str, usize, &str)] = &[("listening", 1, "stub"), ("seen", 1, "accepted")];
const IPIP_PASSED: &[(&str, usize, &str)] = &[("seen", 2, "accepted")];
const IPIP_ARRIVED: &[(&str, usize, &str)] = &[("seen", 2, "interface")];

fn case(
    name: &'static str,
    flow: usize,
    saw: impl Into<String>,
    listener: Listener,
    exports: &'static [(&'static str, &'static str)],
    (verdict, agreement): (Verdict, Agreement),
    finding: Option<(&'static str, &'static str)>,
) -> Case {
    Case {
        name,
        flow,
        saw: saw.into(),
        listener,
        exports,
        verdict,
        agreement,
        finding,
    }
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let both: &[(&str, &str)] = &[("a", OPEN), ("b", OPEN)];
    let bad = |code: &'static str, who: &'static str| Some((code, who));
    vec![
        case("connected", 0, CONNECTED, No, &[], (Open, NotPredicted), None),
        case("reset, nobody knows of a stub", 0, RESET, No, &[], (Closed, NotPredicted), bad("PW604", "")),
        case("reset, although a stub listens", 0, RESET, Plain(STUB0), &[], (Rejected, NotPredicted), bad("PW601", "somewhere")),
        case("reset by the target, although a stub listens", 0, RESET, Root(STUB0_ARRIVED), &[], (Rejected, NotPredicted), bad("PW601", "target")),
        case("reset on the way", 0, RESET, Root(STUB0), &[], (Rejected, NotPredicted), bad("PW601", "network")),
        case("refused by the target", 0, icmp("10.0.0.2", 3, 3), No, &[], (Rejected, NotPredicted), bad("PW601", "target")),
        case("refused by a router", 0, icmp("10.0.9.1", 3, 13), No, &[], (Rejected, NotPredicted), bad("PW601", "device")),
        case("refused by its own rules", 0, icmp("10.0.0.1", 3, 3), No, &[], (BlockedLocally, NotPredicted), bad("PW601", "source")),
        case("dropped by its own rules", 1, errno("send", "EPERM"), No, &[], (BlockedLocally, NotPredicted), bad("PW601", "source")),
        case("no route", 0, errno("connect", "ENETUNREACH"), No, &[], (Unreachable, NotPredicted), bad("PW605", "source")),
        case("nobody has the address", 0, icmp("10.0.9.1", 3, 1), No, &[], (Unreachable, NotPredicted), bad("PW605", "device")),
        case("dropped somewhere", 0, SILENCE, No, &[], (Dropped, NotPredicted), bad("PW601", "somewhere")),
        case("dropped before it arrives", 0, SILENCE, Root(STUB0), &[], (Dropped, NotPredicted), bad("PW601", "network")),
        case("without an observer nobody knows where", 0, SILENCE, Plain(STUB0), &[], (Dropped, NotPredicted), bad("PW601", "somewhere")),
        case("arrived, no connection to the stub", 0, SILENCE, Root(STUB0_ARRIVED), &[], (Dropped, NotPredicted), bad("PW601", "target-or-way-back")),
        case("dropped by the target", 0, SILENCE, Root(TAKEN0_ARRIVED), &[], (Dropped, NotPredicted), bad("PW601", "target")),
        case("the answer is lost", 0, SILENCE, Root(TAKEN0_PASSED), &[], (Dropped, NotPredicted), bad("PW601", "way-back")),
        case("udp: the nonce came back", 1, REPLY, No, &[], (Open, NotPredicted), None),
        case("udp: silence says nothing", 1, SILENCE, No, &[], (Unknown, NotTested), bad("PW606", "")),
        case("udp: silence of a taken port says nothing", 1, SILENCE, Plain(TAKEN1), &[], (Unknown, NotTested), bad("PW606", "")),
        case("udp: silence of a stub is a drop", 1, SILENCE, Plain(STUB1), &[], (Dropped, NotPredicted), bad("PW601", "somewhere")),
        case("udp: observed behind the firewall", 1, SILENCE, Root(TAKEN1_PASSED), &[], (Open, NotPredicted), None),
        case("udp: the stub's answer is lost", 1, SILENCE, Root(STUB1_PASSED), &[], (Dropped, NotPredicted), bad("PW601", "way-back")),
        case("udp: dropped by the target", 1, SILENCE, Root(TAKEN1_ARRIVED), &[], (Dropped, NotPredicted), bad("PW601", "target")),
        case("udp: lost on the way", 1, SILENCE, Root(TAKEN1), &[], (Dropped, NotPredicted), bad("PW601", "network")),
        case("udp: nothing listens", 1, icmp("10.0.0.2", 3, 3), No, &[], (Closed, NotPredicted), bad("PW604", "")),
        case("udp: refused, although a stub listens", 1, icmp("10.0.0.2", 3, 3), Plain(STUB1), &[], (Rejected, NotPredicted), bad("PW601", "target")),
        case("ipip: silence says nothing", 2, SILENCE, No, &[], (Unknown, NotTested), bad("PW606", "")),
        case("ipip: observed", 2, SILENCE, Root(IPIP_PASSED), &[], (Open, NotPredicted), None),
        case("ipip: dropped by the target", 2, SILENCE, Root(IPIP_ARRIVED), &[], (Dropped, NotPredicted), bad("PW601", "target")),
        case("ipip: lost on the way", 2, SILENCE, Root(&[]), &[], (Dropped, NotPredicted), bad("PW601", "network")),
        case("ipip: protocol unreachable", 2, icmp("10.0.0.2", 3, 2), No, &[], (Open, NotPredicted), None),
        case("echo: nobody watches echoes", 3, SILENCE, Root(&[]), &[], (Dropped, NotPredicted), bad("PW601", "somewhere")),
        case("not tried", 2, r#"{"saw": "not-tried", "why": "no privilege"}"#, No, &[], (Unknown, NotTested), bad("PW606", "")),
        case("a virtual address: the other holder is silent", 4, RESET, Plain(&[("listening", 4, "stub")]), &[], (Closed, NotPredicted), bad("PW604", "")),
        // Against the exports.
        case("open as permitted", 0, CONNECTED, No, both, (Open, Agrees), None),
        case("closed as permitted", 0, RESET, No, both, (Closed, Agrees), bad("PW604", "")),
        case("open although denied", 0, CONNECTED, No, &[("b", NO_WEB)], (Open, StaleExport), bad("PW603", "")),
        case("dropped as denied", 0, SILENCE, No, &[("a", OPEN), ("b", NO_WEB)], (Dropped, Agrees), bad("PW601", "target")),
        case("dropped as its own export denies", 0, SILENCE, No, &[("a", NO_WEB_OUT)], (Dropped, Agrees), bad("PW601", "source")),
        case("the answer is dropped as denied", 0, SILENCE, No, &[("b", NO_ANSWER)], (Dropped, Agrees), bad("PW601", "target")),
        case("what did not arrive was not dropped by the target", 0, SILENCE, Root(STUB0), &[("b", NO_WEB)], (Dropped, Agrees), bad("PW601", "network")),
        case("what did not arrive was dropped by the source", 0, SILENCE, Root(STUB0), &[("a", NO_WEB_OUT)], (Dropped, Agrees), bad("PW601", "source")),
        case("dropped although permitted", 0, SILENCE, No, both, (Dropped, UnexportedFirewall), bad("PW602", "somewhere")),
        case("dropped on the way although permitted", 0, SILENCE, Root(STUB0), both, (Dropped, UnexportedFirewall), bad("PW602", "network")),
        case("refused by a router although permitted", 0, icmp("10.0.9.1", 3, 13), No, &[("b", OPEN)], (Rejected, UnexportedFirewall), bad("PW602", "device")),
        case("dropped by a target whose export permits it", 0, SILENCE, Root(TAKEN0_ARRIVED), both, (Dropped, StaleExport), bad("PW603", "target")),
        case("no connection to a target whose export permits it", 0, SILENCE, Root(STUB0_ARRIVED), both, (Dropped, StaleExport), bad("PW603", "target-or-way-back")),
        case("kept by a source whose export permits it", 1, errno("send", "EPERM"), No, both, (BlockedLocally, StaleExport), bad("PW603", "source")),
        case("kept by a source that was not exported", 1, errno("send", "EPERM"), No, &[("b", OPEN)], (BlockedLocally, UnexportedFirewall), bad("PW602", "source")),
        case("a route is no firewall", 0, errno("connect", "EINVAL"), No, both, (BlockedLocally, NotPredicted), bad("PW601", "source")),
        case("no way is no firewall", 0, errno("connect", "ENETUNREACH"), No, both, (Unreachable, NotPredicted), bad("PW605", "source")),
        case("a reset as the export sends it", 0, RESET, No, &[("b", REFUSES_WEB)], (Rejected, Agrees), bad("PW601", "target")),
        case("it depends on what is not modelled", 0, SILENCE, No, &[("b", OPAQUE)], (Dropped, NotPredicted), bad("PW601", "somewhere")),
        case("silence stays unknown whatever exports say", 1, SILENCE, No, both, (Unknown, NotTested), bad("PW606", "")),
    ]
}

fn answer_to(case: &Case) -> Answer {
    let run = [
        start("run", "a", true, "10:00"),
        probed(case.flow, &case.saw),
        end("10:09"),
    ];
    let mut results = vec![document("a.run", run.join("\n") + "\n")];
    if let Plain(records) | Root(records) = case.listener {
        let root = matches!(case.listener, Root(_));
        let mut lines = vec![start("listen", "b", root, "09:59")];
        lines.extend(records.iter().map(|(kind, flow, what)| match *kind {
            "listening" => listening(*flow, what),
            _ => seen(*flow, what),
        }));
        lines.push(end("10:30"));
        results.push(document("b.listen", lines.join("\n") + "\n"));
    }
    let exports = case.exports.iter().map(|(host, rules)| ExportInput {
        documents: vec![document(
            &format!("{host}.iptables"),
            format!("*filter\n{rules}COMMIT\n"),
        )],
        host: Some((*host).into()),
        ..ExportInput::default()
    });
    ask(results, exports.collect())
}

/// Who is to blame, as the finding says it.
fn blamed(finding: &ProbeFinding) -> &str {
    finding
        .blocked_by
        .as_ref()
        .map_or("", |by| by.kind.as_str())
}

#[test]
fn every_rule() {
    let mut wrong = Vec::new();
    for case in cases() {
        let answer = answer_to(&case);
        let result = result(&answer);
        let cell = result
            .cells
            .iter()
            .find(|cell| cell.flow == case.flow)
            .unwrap();
        let id = &result.flows[case.flow].id;
        let findings: Vec<(&str, &str)> = result
            .findings
            .iter()
            .filter(|one| one.flows.contains(id))
            .map(|one| (one.code.as_str(), blamed(one)))
            .collect();
        let expected: Vec<_> = case.finding.into_iter().collect();
        if (cell.verdict, cell.agreement) != (case.verdict, case.agreement) || findings != expected
        {
            wrong.push(format!(
                "{}: {:?} {:?} {findings:?}, not {:?} {:?} {expected:?}",
                case.name, cell.verdict, cell.agreement, case.verdict, case.agreement
            ));
        }
        // The other four are never told as open.
        let sum = &result.summary.probes;
        assert_eq!(sum.planned, 5, "{}", case.name);
        let known = u64::from(case.verdict != Unknown);
        assert_eq!(sum.unknown, 5 - known, "{}", case.name);
        assert_eq!(
            result.summary.flows_open,
            usize::from(case.verdict == Open),
            "{}",
            case.name
        );
        for one in &result.findings {
            assert!(!one.fix.is_empty() && !one.message.is_empty(), "{one:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn findings_cite_and_point() {
    let all = cases();
    let of = |name: &str| answer_to(all.iter().find(|case| case.name == name).unwrap());
    let answer = of("dropped as denied");
    let finding = &result(&answer).findings[0];
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.because[0].citation.as_deref(), Some("Book, page 7"));
    assert_eq!(finding.places[0].source, "b.iptables");
    assert_eq!(finding.places[0].line, 4);
    assert!(
        finding.places[0]
            .excerpt
            .as_deref()
            .unwrap()
            .contains("--dport 80 -j DROP")
    );
    assert!(
        finding.fix.contains("on `b` (INPUT) before the line"),
        "{}",
        finding.fix
    );
    let answer = of("open although denied");
    let finding = &result(&answer).findings[0];
    assert_eq!(
        (finding.severity, finding.places[0].line),
        (Severity::Warning, 4)
    );
    let answer = of("refused by a router although permitted");
    let finding = &result(&answer).findings[0];
    assert!(
        finding.message.contains("by 10.0.9.1"),
        "{}",
        finding.message
    );
    // What only debugging needs is a note.
    let answer = of("echo: nobody watches echoes");
    let finding = result(&answer)
        .findings
        .iter()
        .find(|one| one.flows == ["echo"])
        .unwrap();
    assert_eq!(finding.severity, Severity::Note);
}

/// A stub proves something only while it is known to be up.
#[test]
fn a_stub_must_have_been_up() {
    let check = |began: &str, last: Option<&str>, verdict: Verdict| {
        let run = [
            start("run", "a", true, "10:00"),
            probed(0, RESET),
            end("10:09"),
        ]
        .join("\n")
            + "\n";
        let mut listen = vec![start("listen", "b", false, began), listening(0, "stub")];
        listen.extend(last.map(str::to_owned));
        let results = vec![
            document("a.run", run),
            document("b.listen", listen.join("\n") + "\n"),
        ];
        let answer = ask(results, Vec::new());
        let got = result(&answer).cells[0].verdict;
        assert_eq!(got, verdict, "{began} {last:?}");
    };
    let end_at = |time: &str, why: &str| {
        format!(r#"{{"record": "end", "cut_short": "{why}", "time": "2026-11-22T10:{time}Z"}}"#)
    };
    check("09:59", Some(&end("10:09")), Rejected);
    check("09:59", Some(&end("10:09.5")), Rejected);
    check("09:59", Some(&end("10:08.999")), Closed);
    check("10:00.1", Some(&end("10:30")), Closed);
    check("09:59", Some(&end_at("10:30", "time to live")), Rejected);
    check("09:59", Some(&end_at("10:05", "time to live")), Closed);
    check(
        "09:59",
        Some(r#"{"record": "end", "cut_short": "time to live"}"#),
        Closed,
    );
    check("09:59", Some(r#"{"record": "end"}"#), Rejected);
    check("09:59", None, Closed);
}

/// Packets that were lost to the observer, or whose source was translated, prove no loss.
#[test]
fn an_observer_must_have_seen_all() {
    let check = |more: &str, last: &str, verdict: Verdict, blame: &str| {
        let run = [
            start("run", "a", true, "10:00"),
            probed(0, SILENCE),
            end("10:09"),
        ]
        .join("\n")
            + "\n";
        let listen = [
            start("listen", "b", true, "09:59"),
            listening(0, "stub"),
            more.into(),
            last.into(),
        ];
        let results = vec![
            document("a.run", run),
            document("b.listen", listen.join("\n") + "\n"),
        ];
        let answer = ask(results, Vec::new());
        let result = result(&answer);
        assert_eq!(result.cells[0].verdict, verdict, "{last}");
        assert_eq!(blamed(&result.findings[0]), blame, "{more} {last}");
    };
    let whole = r#"{"record": "end"}"#;
    check("", whole, Dropped, "network");
    let lossy = r#"{"record": "end", "cut_short": "7 packets came too fast to be observed"}"#;
    check("", lossy, Dropped, "somewhere");
    let stranger = r#"{"record": "seen", "from": "192.0.2.7", "to": "10.0.0.2", "protocol": 6, "port": 80, "at": "interface"}"#;
    check(stranger, whole, Dropped, "somewhere");
}

/// A translated source is recognised by the nonce.
#[test]
fn a_nonce_is_recognised() {
    let run = [
        start("run", "a", true, "10:00"),
        probed(1, SILENCE),
        end("10:09"),
    ]
    .join("\n")
        + "\n";
    let seen = r#"{"record": "seen", "from": "192.0.2.7", "to": "10.0.0.2", "protocol": 17, "port": 90, "at": "accepted", "nonce": "001"}"#;
    let listen = [
        start("listen", "b", true, "09:59"),
        listening(1, "taken"),
        seen.into(),
        end("10:30"),
    ];
    let results = vec![
        document("a.run", run),
        document("b.listen", listen.join("\n") + "\n"),
    ];
    let answer = ask(results, Vec::new());
    assert_eq!(result(&answer).flows[1].verdict, Open);
}

/// What is wrong with results is said with its place; what is right counts.
#[test]
fn results_that_are_not_whole() {
    let good = [
        start("run", "a", true, "10:00"),
        probed(0, CONNECTED),
        probed(1, REPLY),
        end("10:09"),
    ];
    let whole = good.join("\n") + "\n";
    let check = |text: String, code: &str, says: &str, line: u32, open: u64| {
        let answer = ask(vec![document("a.run", text)], Vec::new());
        let sum = &result(&answer).summary;
        assert_eq!(
            (sum.probes.open, sum.probes.unknown),
            (open, 5 - open),
            "{says}"
        );
        if code.is_empty() {
            assert!(answer.diagnostics.is_empty(), "{}", to_json(&answer));
            return;
        }
        let found = answer
            .diagnostics
            .iter()
            .find(|d| d.code == code && d.message.contains(says));
        let found = found.unwrap_or_else(|| panic!("{says}: {}", to_json(&answer)));
        let place = found.places.first().map_or(0, |place| place.line);
        assert_eq!(place, line, "{found:?}");
    };
    check(whole.clone(), "", "", 0, 2);
    check(whole.replace('\n', "\r\n"), "", "", 0, 2);
    check(
        good[..3].join("\n") + "\n",
        "PW608",
        "the run of `a` has no last record",
        1,
        2,
    );
    check(
        whole[..whole.len() - 30].into(),
        "PW608",
        "the last line is cut off",
        4,
        2,
    );
    check(
        good[..2].join("\n") + "\n" + &good[2][..50],
        "PW608",
        "the last line is cut off",
        3,
        1,
    );
    check(
        whole.replace(&good[1], "what is this"),
        "PW003",
        "this line is no record",
        2,
        1,
    );
    check(
        whole.replace("\"saw\": \"connected\"", "\"saw\": \"ghosts\""),
        "PW003",
        "unknown variant `ghosts`",
        2,
        1,
    );
    check(
        whole.replace("probe-result/v1", "probe-result/v9"),
        "PW004",
        "`probe-result/v9`, expected `probe-result/v1`",
        1,
        0,
    );
    check(
        whole.replace("\"host\": \"a\"", "\"host\": \"z\""),
        "PW607",
        "the plan has no host `z`",
        1,
        0,
    );
    check(
        whole.replace(&plan_hash(PLAN), "0123456789abcdef"),
        "PW607",
        "for plan 0123456789abcdef",
        1,
        0,
    );
    check(
        good[1..].join("\n"),
        "PW003",
        "before any that says who reports",
        1,
        0,
    );
    check(String::new(), "PW004", "is empty", 1, 0);
    check(
        whole.replace("\"port\": 90", "\"port\": 91"),
        "PW607",
        "1 probes in the results are not in the plan",
        0,
        1,
    )
}

/// The last run counts, and one that was interrupted keeps what it has.
#[test]
fn runs_are_repeated() {
    let run = |time: &str, records: &[String]| {
        let mut lines = vec![start("run", "a", true, time)];
        lines.extend_from_slice(records);
        lines.join("\n") + "\n"
    };
    let first = run(
        "10:00",
        &[probed(0, SILENCE), probed(1, REPLY), end("10:09")],
    );
    let second = run(
        "11:00",
        &[
            probed(0, CONNECTED),
            probed(1, r#"{"saw": "not-tried", "why": "interrupted"}"#),
        ],
    );
    for texts in [[&first, &second], [&second, &first]] {
        let files = texts.map(|text| document("x", text.as_str()));
        let answer = ask(files.into(), Vec::new());
        assert_eq!(result(&answer).summary.probes.open, 2);
        let together = ask(
            vec![document("x", texts.map(String::as_str).concat())],
            Vec::new(),
        );
        assert_eq!(result(&together).summary.probes.open, 2);
    }
}

/// A host that is silent makes its flows unknown, and says so in every format.
#[test]
fn a_silent_host_is_never_green() {
    let answer = ask(Vec::new(), Vec::new());
    let result = result(&answer);
    assert_eq!(
        (result.summary.probes.unknown, result.summary.flows_open),
        (5, 0)
    );
    assert!(result.findings.iter().all(|one| one.code == "PW606"));
    assert!(
        result.findings[0].message.contains("`a` reported no run"),
        "{:?}",
        result.findings
    );
    let table = report::probe("table", result, false).unwrap();
    assert!(
        table.contains("unknown") && !table.contains(" open"),
        "{table}"
    );
    let junit = report::probe("junit", result, false).unwrap();
    assert_eq!(junit.matches("<skipped").count(), 5, "{junit}");
    for format in ["markdown", "html", "svg"] {
        let text = report::probe(format, result, false).unwrap();
        assert!(text.contains("unknown"), "{text}");
    }
}

/// Every format is well-formed, the same each time, and shows names that others chose as text.
#[test]
fn formats() {
    let plan = PLAN.replace("\"title\": \"Web\"", "\"title\": \"<b>&amp; | Web\"");
    let hash = plan_hash(&plan);
    let run = [
        start("run", "a", true, "10:00"),
        probed(0, SILENCE),
        probed(1, REPLY),
        end("10:09"),
    ];
    let run = run.join("\n").replace(&plan_hash(PLAN), &hash);
    let answer = engine::call(&Request::ProbeReport(ProbeReportRequest {
        plan: Some(document("plan.json", plan)),
        results: vec![document("a.run", run + "\n")],
        exports: Vec::new(),
    }));
    let result = result(&answer);
    for format in report::PROBE_FORMATS {
        let text = (format.write)(result, false);
        assert_eq!(text, (format.write)(result, false));
        // A terminal shows them as they are.
        let raw = text.contains("<b>&amp; |");
        assert!(format.id == "table" || !raw, "{}: {text}", format.id);
        if matches!(format.id, "svg" | "junit") {
            roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        }
    }
    let junit = report::probe("junit", result, false).unwrap();
    assert_eq!(
        (
            junit.matches("<failure").count(),
            junit.matches("<skipped").count()
        ),
        (1, 3)
    );
    let svg = report::probe("svg", result, false).unwrap();
    assert!(
        svg.contains("<title>a → b tcp/80: dropped (1 dropped)</title>"),
        "{svg}"
    );
    assert!(
        report::probe("table", result, true)
            .unwrap()
            .contains("\u{1b}[")
    );
}

/// No cut and no changed byte of a result makes the report panic, or count what is not there.
#[test]
fn hostile_results_do_no_harm() {
    let run = [
        start("run", "a", true, "10:00"),
        probed(0, CONNECTED),
        probed(1, REPLY),
        end("10:09"),
    ];
    let whole = run.join("\n") + "\n";
    for cut in 0..whole.len() {
        let answer = ask(vec![document("a.run", &whole[..cut])], Vec::new());
        let sum = &result(&answer).summary.probes;
        assert_eq!(sum.planned, 5);
        assert!(sum.open <= 2);
        let mut bytes = whole.clone().into_bytes();
        bytes[cut] = b'{';
        let text = String::from_utf8(bytes).unwrap();
        let answer = ask(vec![document("a.run", text)], Vec::new());
        assert!(result(&answer).summary.probes.open <= 2);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "\n".repeat(10));
    assert!(ask(vec![document("x", deep)], Vec::new()).result.is_some());
    let many = "x\n".repeat(200_000);
    let answer = ask(vec![document("x", many)], Vec::new());
    assert!(
        answer.diagnostics.len() < 20,
        "{}",
        answer.diagnostics.len()
    );
}

#[test]
fn unusable_input() {
    let bad = engine::call(&Request::ProbeReport(ProbeReportRequest::default()));
    assert!(bad.result.is_none() && bad.diagnostics[0].message.contains("no plan"));
    let export = |host: Option<&str>, text: &str| ExportInput {
        documents: vec![document("x", text)],
        host: host.map(Into::into),
        ..ExportInput::default()
    };
    for (export, says) in [
        (export(Some("z"), "*filter\nCOMMIT\n"), "no host `z`"),
        (export(None, "*filter\nCOMMIT\n"), "not said which host"),
        (export(Some("a"), "hello"), "no known format"),
    ] {
        let answer = ask(Vec::new(), vec![export]);
        assert!(answer.result.is_none());
        assert!(
            answer.diagnostics.iter().any(|d| d.message.contains(says)),
            "{}",
            to_json(&answer)
        );
    }
}

/// A million results within reason: not listed one by one.
#[test]
fn many_results() {
    let hosts = 60;
    let name = |at: usize| format!("10.1.0.{}", at + 1);
    let members: Vec<String> = (0..hosts)
        .map(|at| format!(r#"{{"address": "{}", "host": "h{at}"}}"#, name(at)))
        .collect();
    let parts: Vec<String> = (0..hosts)
        .map(|at| format!(r#"{{"name": "h{at}", "addresses": ["{0}"], "roles": [], "listen": [], "dial": [{{"flow": 0, "from": ["{0}"]}}]}}"#, name(at)))
        .collect();
    let plan = format!(
        r#"{{"portwright": "probe-plan/v1", "catalog": "c", "catalog_version": "1", "sample": "all", "hosts": [{}],
"targets": [{{"id": "t", "title": "T", "members": [{}]}}],
"flows": [{{"id": "0", "family": "ipv4", "from": "f", "to": 0, "protocol": 6, "ports": "1000-1019", "need": "required", "because": []}}]}}"#,
        parts.join(","),
        members.join(",")
    );
    let hash = plan_hash(&plan);
    let results = (0..hosts).map(|at| {
        let mut text = start("run", &format!("h{at}"), false, "10:00").replace(&plan_hash(PLAN), &hash);
        for to in (0..hosts).filter(|to| *to != at) {
            for port in 1000..1020 {
                let saw = if to == 7 { SILENCE } else { CONNECTED };
                text.push_str(&format!(
                    "\n{{\"record\": \"probe\", \"from\": \"{}\", \"to\": \"{}\", \"protocol\": 6, \"port\": {port}, \"verdict\": \"open\", \"evidence\": {saw}, \"tries\": 1, \"micros\": 9}}",
                    name(at),
                    name(to)
                ));
            }
        }
        document(&format!("h{at}"), text + "\n{\"record\": \"end\"}\n")
    });
    let answer = engine::call(&Request::ProbeReport(ProbeReportRequest {
        plan: Some(document("plan.json", plan)),
        results: results.collect(),
        exports: Vec::new(),
    }));
    let result = result(&answer);
    let sum = &result.summary.probes;
    assert_eq!(
        (sum.planned, sum.dropped, sum.unknown),
        (60 * 59 * 20, 59 * 20, 0)
    );
    // One firewall, one finding.
    assert_eq!(result.findings.len(), 1);
    let one = &result.findings[0];
    assert_eq!(
        (one.from.len(), one.to.as_slice(), one.probes),
        (59, &["h7".to_owned()][..], 1180)
    );
    assert_eq!(result.cells.len(), 60 * 59);
}
