//! Plans of what is probed: what is dialled from where, what listens, what cannot be tested; and
//! plans that somebody changed.
#![expect(clippy::disallowed_methods, reason = "tests read files")]

use portwright::engine::{
    self, Answer, Document, Outcome, ProbePlanRequest, ProbePlanResult, Request, ResolveRequest,
    SiteInput, to_json,
};
use portwright::probe::{Plan, Planned, plan_hash};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

fn document(name: &str, text: &str) -> Document {
    Document {
        name: name.into(),
        text: text.into(),
    }
}

fn dce() -> SiteInput {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dce");
    let names = [
        "portwright.yaml",
        "cluster-config.yaml",
        "worker-cluster.yaml",
    ];
    let read = |name: &str| document(name, &std::fs::read_to_string(folder.join(name)).unwrap());
    SiteInput {
        documents: names.map(read).into(),
        ..SiteInput::default()
    }
}

fn site(text: &str) -> SiteInput {
    SiteInput {
        documents: vec![document("site.yaml", text)],
        ..SiteInput::default()
    }
}

fn ask(site: SiteInput, host: Option<&str>, sample: Option<&str>) -> Answer {
    engine::call(&Request::ProbePlan(ProbePlanRequest {
        site,
        host: host.map(Into::into),
        sample: sample.map(Into::into),
    }))
}

fn plan(site: SiteInput, host: Option<&str>, sample: Option<&str>) -> ProbePlanResult {
    let answer = ask(site, host, sample);
    match answer.result {
        Some(Outcome::ProbePlan(result)) => result,
        _ => panic!("{}", to_json(&answer)),
    }
}

/// From, to, protocol and port: what makes a probe.
type Key = (IpAddr, IpAddr, u8, Option<u16>);

fn key(probe: &Planned) -> Key {
    (probe.from, probe.to, probe.protocol, probe.port)
}

fn dialled(plan: &Plan) -> BTreeSet<Key> {
    let hosts = plan.hosts.iter();
    let mut all = BTreeSet::new();
    for host in hosts {
        let probes: Vec<_> = plan.probes(host).collect();
        assert_eq!(plan.count(host), probes.len() as u64, "{}", host.name);
        for probe in &probes {
            assert!(all.insert(key(probe)), "{probe:?} is dialled twice");
            assert!(host.addresses.contains(&probe.from), "{probe:?}");
        }
    }
    all
}

/// What is dialled is what `resolve` lists as pairs: between hosts, and to single addresses.
#[test]
fn the_example_is_dialled_as_it_is_resolved() {
    let planned = plan(dce(), None, Some("all")).plan;
    let answer = engine::call(&Request::Resolve(ResolveRequest {
        site: dce(),
        host: None,
        pairs: true,
    }));
    let Some(Outcome::Resolve(resolved)) = answer.result else {
        panic!("{}", to_json(&answer));
    };
    let mut expected = BTreeSet::new();
    for pair in &resolved.pairs {
        let flow = resolved
            .flows
            .iter()
            .find(|flow| flow.id == pair.flow)
            .unwrap();
        let (Ok(from), Ok(to)) = (pair.from_address.parse(), pair.to_address.parse()) else {
            continue;
        };
        let from: IpAddr = from;
        if !resolved
            .hosts
            .iter()
            .any(|host| host.addresses.contains(&from.to_string()))
        {
            continue;
        }
        let protocol = match flow.protocol.as_str() {
            "tcp" => 6,
            "udp" => 17,
            number => number.parse().unwrap(),
        };
        match flow.ports.split_once('-') {
            None if flow.ports.is_empty() => {
                expected.insert((from, to, protocol, None));
            }
            None => {
                expected.insert((from, to, protocol, Some(flow.ports.parse().unwrap())));
            }
            Some((lo, hi)) => {
                let (lo, hi): (u16, u16) = (lo.parse().unwrap(), hi.parse().unwrap());
                expected.extend((lo..=hi).map(|port| (from, to, protocol, Some(port))));
            }
        }
    }
    let dialled = dialled(&planned);
    assert!(dialled.len() > 100_000);
    assert!(dialled == expected, "{} {}", dialled.len(), expected.len());
}

/// Whoever is dialled listens: the host that has the address, or those that may hold it.
#[test]
fn what_is_dialled_is_listened_on_and_nothing_else() {
    let plan = plan(dce(), None, None).plan;
    let mut listened: BTreeSet<(String, u8, Option<u16>, IpAddr)> = BTreeSet::new();
    for host in &plan.hosts {
        let listens = plan.listens(host);
        listened.extend(listens.map(|(p, port, a)| (host.name.clone(), p, port, a)));
    }
    let mut needed = BTreeSet::new();
    for host in &plan.hosts {
        for probe in plan.probes(host) {
            let group = &plan.targets[plan.flows[probe.flow].to];
            let target = group
                .members
                .iter()
                .find(|t| t.address == probe.to)
                .unwrap();
            for name in target.host.iter().chain(&target.holders) {
                needed.insert((name.clone(), probe.protocol, probe.port, probe.to));
            }
        }
    }
    assert_eq!(listened, needed);
    let holds = |name: &str| {
        let vip: IpAddr = "10.16.10.81".parse().unwrap();
        listened.contains(&(name.into(), 6, Some(4317), vip))
    };
    assert!(holds("g-master1") && holds("g-es3") && !holds("edge-node1"));
}

#[test]
fn ranges_are_sampled_as_asked() {
    let node_ports = |sample: Option<&str>| {
        let plan = plan(dce(), None, sample).plan;
        let id = "ipv4:edge/node>edge/node:tcp/30000-32767";
        let flow = plan.flows.iter().find(|flow| flow.id == id).unwrap();
        let all = flow.sampled_from.as_ref().map(ToString::to_string);
        (plan.sample.clone(), flow.ports.to_string(), all)
    };
    let range = Some("30000-32767".to_owned());
    let check = |sample: &str, ports: &str, from: Option<String>| {
        assert_eq!(
            node_ports(Some(sample)),
            (sample.into(), ports.into(), from)
        );
    };
    check("all", "30000-32767", None);
    check("first", "30000", range.clone());
    check("ends", "30000,32767", range.clone());
    let (sample, ports, from) = node_ports(None);
    assert_eq!((sample.as_str(), from), ("ends,random=3", range));
    assert_eq!(ports.split(',').count(), 5);
    assert_ne!(
        node_ports(Some("random=3,seed=1")),
        node_ports(Some("random=3,seed=2"))
    );
    let answer = ask(dce(), None, Some("some"));
    assert!(answer.result.is_none());
    assert!(
        answer.diagnostics[0].message.contains("random=N"),
        "{}",
        to_json(&answer)
    );
}

#[test]
fn what_cannot_be_dialled_says_why() {
    let text = "portwright: site/v1
clusters:
- name: a
  hosts:
  - {name: cp, address: 10.0.0.1, roles: [control-plane]}
  - {name: w, addresses: [10.0.0.2, fd00::2], roles: [worker]}
external:
- {name: registry.example, role: registry}
- {name: clocks, role: ntp-server, addresses: 192.0.2.0/24}
- {name: offices, role: web-client, addresses: 172.20.0.0/16}
vips:
- {name: istio, role: istio-gateway-vip, address: 10.0.0.9, cluster: a}
";
    let plan = plan(site(text), None, None).plan;
    let why = |flow: &str| {
        let all = plan
            .untested
            .iter()
            .filter(|u| plan.flows[u.flow].id.contains(flow));
        all.map(|u| u.why.as_str()).collect::<Vec<_>>().join("; ")
    };
    for (flow, says) in [
        ("registry.example", "known by name only"),
        ("clocks", "192.0.2.0/24, more than one address"),
        ("offices>", "`offices` is outside the site"),
    ] {
        assert!(
            why(flow).contains(says),
            "{flow}: {} {:?}",
            why(flow),
            plan.untested
        );
    }
}

/// One host's plan: what it dials, and those who must listen for that.
#[test]
fn a_plan_for_one_host() {
    let whole = plan(dce(), None, None);
    let one = plan(dce(), Some("edge-node1"), None);
    let mine = |plan: &Plan| -> BTreeSet<Key> {
        let host = plan.host("edge-node1").unwrap();
        plan.probes(host).map(|probe| key(&probe)).collect()
    };
    assert_eq!(mine(&one.plan), mine(&whole.plan));
    assert_eq!(one.probes, mine(&one.plan).len() as u64);
    assert!(
        one.plan
            .hosts
            .iter()
            .all(|host| host.name == "edge-node1" || host.dial.is_empty())
    );
    let (own, before) = (one.plan.host("edge-node1"), whole.plan.host("edge-node1"));
    assert_eq!(own.unwrap().listen, before.unwrap().listen);
    assert!(
        one.plan
            .host("edge-node2")
            .is_some_and(|host| !host.listen.is_empty())
    );
    assert!(
        one.plan
            .host("g-es1")
            .is_none_or(|host| !host.listen.is_empty())
    );
    assert!(ask(dce(), Some("edge-node"), None).result.is_none());
}

/// Ssh goes where `ansible_host` says; the rest to the data addresses.
#[test]
fn ssh_is_dialled_where_it_is() {
    let inventory = "[kube_control_plane]\ncp ansible_host=192.0.2.1 ip=10.0.0.1\n[etcd]\ncp\n[kube_node]\nw ansible_host=192.0.2.2 ip=10.0.0.2\n[bootstrap]\nboot ansible_host=10.0.0.5\n";
    let mut input = site(
        "portwright: site/v1\nhosts:\n- {name: boot, address: 10.0.0.5, roles: [bootstrap]}\n",
    );
    input.documents.push(document("inventory.ini", inventory));
    let plan = plan(input, None, None).plan;
    let keys = dialled(&plan);
    let boot: IpAddr = "10.0.0.5".parse().unwrap();
    let ssh: BTreeSet<String> = keys
        .iter()
        .filter(|(from, _, _, port)| *from == boot && *port == Some(22))
        .map(|(_, to, ..)| to.to_string())
        .collect();
    assert_eq!(
        ssh.into_iter().collect::<Vec<_>>(),
        ["192.0.2.1", "192.0.2.2"]
    );
    assert!(
        keys.iter()
            .all(|(_, to, _, port)| *port == Some(22) || !to.to_string().starts_with("192."))
    );
    let cp = plan.host("cp").unwrap();
    assert!(cp.addresses.contains(&"192.0.2.1".parse().unwrap()));
    assert!(
        plan.listens(cp)
            .any(|(_, port, at)| port == Some(22) && at.to_string() == "192.0.2.1")
    );
}

/// Flows that share probes: each is dialled once, and counted once.
#[test]
fn shared_probes_are_dialled_once() {
    let text = r#"{"portwright": "probe-plan/v1", "catalog": "c", "catalog_version": "1", "sample": "all",
 "hosts": [{"name": "a", "addresses": ["10.0.0.1", "10.0.0.7"], "roles": [], "listen": [],
   "dial": [{"flow": 0, "from": ["10.0.0.1"]}, {"flow": 1, "from": ["10.0.0.1", "10.0.0.7"]},
            {"flow": 2, "from": ["10.0.0.1"]}, {"flow": 3, "from": ["10.0.0.1"]}, {"flow": 4, "from": ["10.0.0.1"]}]}],
 "targets": [
   {"id": "t", "title": "T", "members": [{"address": "10.0.0.2", "host": "b"}, {"address": "10.0.0.3", "host": "c"}]},
   {"id": "u", "title": "U", "members": [{"address": "10.0.0.1", "host": "a"}, {"address": "10.0.0.2", "host": "b"}, {"address": "fd00::2"}]}],
 "flows": [
   {"id": "0", "family": "ipv4", "from": "f", "to": 0, "protocol": 6, "ports": "22,80-81", "need": "required", "because": []},
   {"id": "1", "family": "ipv4", "from": "f", "to": 1, "protocol": 6, "ports": "80-82", "need": "required", "because": []},
   {"id": "2", "family": "ipv4", "from": "f", "to": 1, "protocol": 17, "ports": "80", "need": "required", "because": []},
   {"id": "3", "family": "ipv4", "from": "f", "to": 0, "protocol": 4, "need": "required", "because": []},
   {"id": "4", "family": "ipv4", "from": "f", "to": 1, "protocol": 4, "need": "required", "because": []}]}"#;
    let plan = engine::read_plan(&document("plan.json", text)).unwrap();
    let keys = dialled(&plan);
    // flow 0: 2 targets × 3; flow 1: from .1 only 82, from .7 all 3; udp 80; 4 to both, then to none.
    assert_eq!(keys.len(), 6 + 1 + 3 + 1 + 2);
    let host = plan.host("a").unwrap();
    assert_eq!(plan.pairs(host).count(), 2 + 2 + 1 + 2 + 1);
    // The hash is of what the plan says, not of its layout.
    let compact: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(plan_hash(text), plan.hash());
    assert_eq!(plan_hash(&compact.to_string()), plan.hash());
    assert_ne!(plan_hash(&text.replace("80-82", "80-83")), plan.hash());
}

/// What is wrong with a plan is said with its place.
#[test]
fn plans_that_are_not_whole() {
    let good = serde_json::to_string_pretty(&plan(dce(), None, None).plan).unwrap();
    assert!(engine::read_plan(&document("plan.json", &good)).is_ok());
    let check = |text: &str, says: &str, at: &str| {
        let problems = engine::read_plan(&document("plan.json", text)).unwrap_err();
        let first = problems.first().expect("a problem");
        assert!(first.message.contains(says), "{says}: {first:?}");
        let place = first.places.first().expect("a place");
        let line = text.lines().nth(place.line as usize - 1).unwrap_or("");
        assert!(line.contains(at), "{at}: {first:?} {line}");
    };
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    check("", "EOF", "");
    check("[1, 2]", "not a probe plan", "[1");
    check("{", "EOF", "{");
    check("{}", "does not say what it is", "{}");
    check(
        &with("probe-plan/v1", "probe-plan/v9"),
        "`probe-plan/v9`, expected `probe-plan/v1`",
        "{",
    );
    check(&with("\"443\"", "\"443-\""), "`443-` is no port", "443-");
    check(&with("\"443\"", "\"70000\""), "`70000` is no port", "70000");
    check(&with("\"443\"", "443"), "expected a", "443");
    check(
        &with("\"flow\": 1,", "\"flow\": 9999,"),
        "there is no flow 9999",
        "9999",
    );
    check(
        &with("\"flow\": 2,", "\"flow\": 1,"),
        "not in the order",
        "{",
    );
    check(
        &with("\"to\": 1,", "\"to\": 1000000,"),
        "there is no target 1000000",
        "1000000",
    );
    check(
        &with("\"10.16.10.11\"", "\"10.16.10\""),
        "invalid IP",
        "10.16.10",
    );
    check(
        &with("\"name\": \"g-master2\"", "\"name\": \"g-master1\""),
        "two hosts `g-master1`",
        "{",
    );
    check(
        &with("\"hosts\"", "\"hostz\""),
        "unknown field `hostz`",
        "hostz",
    );
    check(&with("\"protocol\": 4,", "\"protocol\": 6,"), "ports", "{");
    check(
        &format!("{}{}", "[".repeat(100_000), "]"),
        "not a probe plan",
        "[",
    );
}

/// No cut and no changed byte makes the reader panic or hang.
#[test]
fn hostile_plans_do_no_harm() {
    let good = serde_json::to_string(&plan(dce(), Some("bootstrap"), None).plan).unwrap();
    for cut in (0..good.len()).step_by(7) {
        let _ = engine::read_plan(&document("plan.json", &good[..cut]));
        let mut bytes = good.clone().into_bytes();
        bytes[cut] = b'9';
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(plan) = engine::read_plan(&document("plan.json", &text)) {
            for host in &plan.hosts {
                assert_eq!(plan.probes(host).count() as u64, plan.count(host));
                plan.listens(host).for_each(drop);
            }
        }
    }
    // Every port from everywhere to everywhere stays symbolic.
    let addresses: Vec<String> = (0..5000)
        .map(|n| format!("10.0.{}.{}", n / 250, n % 250))
        .collect();
    let members: Vec<String> = addresses
        .iter()
        .map(|a| format!("{{\"address\": \"{a}\"}}"))
        .collect();
    let mut sorted = addresses.clone();
    sorted.sort_by_key(|a| a.parse::<IpAddr>().unwrap());
    assert_eq!(sorted, addresses);
    let text = format!(
        r#"{{"portwright": "probe-plan/v1", "catalog": "c", "catalog_version": "1", "sample": "all",
"hosts": [{{"name": "a", "addresses": [], "roles": [], "listen": [], "dial": [{{"flow": 0, "from": {addresses:?}}}]}}],
"targets": [{{"id": "t", "title": "T", "members": [{}]}}],
"flows": [{{"id": "0", "family": "ipv4", "from": "f", "to": 0, "protocol": 6, "ports": "1-65535", "need": "required", "because": []}}]}}"#,
        members.join(",")
    );
    let plan = engine::read_plan(&document("plan.json", &text)).unwrap();
    assert_eq!(plan.count(&plan.hosts[0]), 5000 * 5000 * 65535);
    assert_eq!(
        plan.probes(&plan.hosts[0]).take(1_000_000).count(),
        1_000_000
    );
}

/// A thousand hosts: quick, and the plan is small.
#[test]
fn a_large_site() {
    let mut text = String::from("portwright: site/v1\nclusters:\n- name: a\n  hosts:\n");
    for n in 0..1000 {
        let role = if n < 3 { "control-plane" } else { "worker" };
        text.push_str(&format!(
            "  - {{name: h{n}, address: 10.1.{}.{}, roles: [{role}]}}\n",
            n / 250,
            n % 250 + 1
        ));
    }
    let result = plan(site(&text), None, None);
    assert!(result.probes > 1_000_000, "{}", result.probes);
    let json = serde_json::to_string(&result.plan).unwrap();
    assert!(json.len() < 8 << 20, "{}", json.len());
    let counted: u64 = result
        .plan
        .hosts
        .iter()
        .map(|host| result.plan.count(host))
        .sum();
    assert_eq!(counted, result.probes);
}
