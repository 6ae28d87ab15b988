//! The built-in catalogues against the published page, and the catalogue rules against bad files.

use portwright::catalog::{
    self, Catalog, Condition, Mode, Need, NodeBind, Requirement, Scalar, Scope, Services,
};
use portwright::net::{IcmpKind, Protocol, Service};
use portwright::source::Sources;
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = "DaoCloud Enterprise 5.0: Port Requirements";
/// Hand-derived from the page: section, protocol, port, user.
const SEED: &str = include_str!("../fixtures/seed/port-requirements.tsv");

fn load(name: &str) -> Catalog {
    let mut sources = Sources::default();
    Catalog::load(&mut sources, name, &[]).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Services of everything that applies with these values: id → services.
fn opened(
    catalog: &Catalog,
    mode: Mode,
    given: &[(&str, Scalar)],
) -> BTreeMap<String, Vec<Service>> {
    let given = given
        .iter()
        .map(|(id, value)| ((*id).to_owned(), value.clone()))
        .collect();
    let values = catalog.values(&given).expect("allowed values");
    catalog
        .requirements
        .iter()
        .filter_map(|requirement| requirement.in_mode(mode))
        .filter(|requirement| requirement.applies(&values))
        .map(|requirement| {
            let services = match requirement.services(&values).expect("services") {
                Services::Fixed(services) => services,
                Services::Endpoint { .. } => Vec::new(),
            };
            (requirement.id.clone(), services)
        })
        .collect()
}

fn word(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn by_id<'a>(catalog: &'a Catalog, id: &str) -> &'a Requirement {
    catalog
        .requirements
        .iter()
        .find(|requirement| requirement.id == id)
        .unwrap_or_else(|| panic!("no requirement {id}"))
}

/// `section protocol ports` of the page, one for each line that the table should have.
fn seed_lines() -> Vec<(String, String, String, String)> {
    let mut lines = Vec::new();
    for line in SEED.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [section, protocol, port, user] = fields[..] else {
            panic!("bad fixture line {line}");
        };
        let protocols: &[&str] = match protocol {
            "TCP" => &["tcp"],
            "UDP" => &["udp"],
            "TCP/UDP" => &["tcp", "udp"],
            "IPENCAP / IPIP" => &["4"],
            // Request and reply.
            "ICMP" => &["icmp", "icmp"],
            other => panic!("protocol {other}"),
        };
        for protocol in protocols {
            let port = port.trim_start_matches('-');
            lines.push((section.into(), (*protocol).into(), port.into(), user.into()));
        }
    }
    lines
}

#[test]
fn every_row_of_the_page_is_there_and_no_other() {
    let catalog = load("dce");
    let text = catalog::csv(&catalog.rows()).expect("csv");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("id,section,from,to,protocol,ports,need,when,title_en,title_zh,citation,erratum")
    );
    assert_eq!(lines.count(), catalog.rows().len(), "one line a row");

    let mut published: Vec<_> = catalog
        .rows()
        .into_iter()
        .filter(|row| row.citation.starts_with(PAGE))
        .map(|row| (row.section, row.protocol, row.ports))
        .collect();
    let mut expected: Vec<_> = seed_lines()
        .into_iter()
        .map(|(section, protocol, ports, _)| (section, protocol, ports))
        .collect();
    published.sort();
    expected.sort();
    assert_eq!(published, expected);
}

#[test]
fn sources_are_the_users_that_the_page_names() {
    let catalog = load("dce");
    for (section, protocol, ports, user) in seed_lines() {
        let row = catalog
            .rows()
            .into_iter()
            .find(|row| (&row.section, &row.protocol, &row.ports) == (&section, &protocol, &ports))
            .expect("a row");
        let requirement = by_id(&catalog, &row.id);
        let (from, scopes): (&str, &[Scope]) = match user.as_str() {
            "Web Browser or API Client" => ("web-client", &[Scope::ToGlobal]),
            "All Nodes" => ("node", &[Scope::ToGlobal, Scope::AnyCluster]),
            "Global Management Cluster" => ("node", &[Scope::GlobalToWorker]),
            _ => {
                assert!(
                    requirement.assumed.is_some(),
                    "{}: no source published",
                    row.id
                );
                continue;
            }
        };
        assert_eq!(row.from, from, "{}", row.id);
        assert!(scopes.contains(&requirement.scope), "{}", row.id);
    }
}

#[test]
fn every_builtin_catalogue_is_consistent() {
    for name in catalog::builtin::names() {
        let catalog = load(name);
        assert_eq!(catalog.name, name);
        for requirement in &catalog.requirements {
            assert!(!requirement.title.en.is_empty() && !requirement.title.zh.is_empty());
            let has_han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            if let Some(erratum) = &requirement.erratum {
                assert!(!erratum.source.is_empty(), "{}", requirement.id);
                assert!(has_han(&erratum.note.zh), "{}", requirement.id);
                assert!(!has_han(&erratum.note.en), "{}", requirement.id);
            }
            assert!(!has_han(&requirement.title.en), "{}", requirement.id);
        }
        opened(&catalog, Mode::AsPublished, &[]);
        opened(&catalog, Mode::LeastPrivilege, &[]);
    }
}

/// Chinese takes full-width punctuation; half-width commas betray a careless translation.
#[test]
fn chinese_texts_use_chinese_punctuation() {
    let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    for row in load("dce").rows() {
        let characters: Vec<char> = row.title_zh.chars().collect();
        for pair in characters.windows(2) {
            let careless = han(pair[0]) && ",;:()".contains(pair[1])
                || ",;:()".contains(pair[0]) && han(pair[1]);
            assert!(!careless, "{}: {}", row.id, row.title_zh);
        }
    }
}

#[test]
fn what_the_page_does_not_list_is_not_required_by_default() {
    let catalog = load("dce");
    let values = catalog.values(&BTreeMap::new()).expect("defaults");
    for requirement in &catalog.requirements {
        if requirement.citation.document == PAGE {
            assert_eq!(requirement.need, Need::Required, "{}", requirement.id);
            continue;
        }
        let parties = requirement.from.iter().chain(requirement.to.iter());
        // These exist only where a site names them.
        let named = [
            "calico-route-reflector",
            "load-balancer",
            "api-vip",
            "chart-repository",
            "binary-repository",
            "os-repository",
            "database",
            "elasticsearch",
            "kafka",
            "object-storage",
            "ntp-server",
            "dns-server",
        ];
        let by_site = parties.clone().any(|role| named.contains(&role.as_str()));
        assert!(
            by_site || requirement.need != Need::Required || !requirement.applies(&values),
            "{} would add to the published contract",
            requirement.id
        );
    }
}

#[test]
fn loopback_only_ports_are_never_between_hosts() {
    let catalog = load("dce");
    let mut seen = 0;
    for requirement in &catalog.requirements {
        if requirement.bind == NodeBind::Loopback {
            assert_eq!(requirement.scope, Scope::SameHost, "{}", requirement.id);
            seen += 1;
        }
    }
    assert!(seen >= 7);
}

/// Ids that start with `prefix` and apply.
fn check_applies(prefix: &str, mode: Mode, given: &[(&str, Scalar)], expected: &[&str]) {
    let catalog = load("dce");
    let values = opened(&catalog, mode, given);
    let found: BTreeSet<&str> = values
        .keys()
        .map(String::as_str)
        .filter(|id| id.starts_with(prefix))
        .collect();
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    assert_eq!(found, expected, "{mode:?} {given:?}");
}

#[test]
fn calico_rows_are_all_open_as_published_and_narrow_with_what_is_known() {
    use Mode::{AsPublished, LeastPrivilege};
    let reflectors = [
        "calico.bgp-to-route-reflector",
        "calico.bgp-from-route-reflector",
    ];
    let with = |ids: &[&'static str]| [ids, &reflectors].concat();
    let all = with(&[
        "calico.bgp",
        "calico.vxlan",
        "calico.typha",
        "calico.wireguard",
        "calico.wireguard-v6",
        "calico.ipip",
    ]);
    let calico = |mode, given: &[(&str, Scalar)], expected: &[&str]| {
        check_applies("calico.", mode, given, expected);
    };
    let off = Scalar::Bool(false);
    let on = Scalar::Bool(true);
    calico(AsPublished, &[], &all);
    calico(LeastPrivilege, &[], &with(&["calico.vxlan"]));
    calico(AsPublished, &[("cni", word("cilium"))], &[]);
    let known = [
        ("calico.encapsulation", word("vxlan")),
        ("calico.bgp", off.clone()),
        ("calico.typha", off.clone()),
        ("calico.wireguard", off.clone()),
        ("calico.wireguard-v6", off),
    ];
    calico(AsPublished, &known, &["calico.vxlan"]);
    let ipip = [("calico.encapsulation", word("ipip"))];
    calico(LeastPrivilege, &ipip, &with(&["calico.bgp", "calico.ipip"]));
    let typha = [("calico.typha", on)];
    calico(
        LeastPrivilege,
        &typha,
        &with(&["calico.typha", "calico.vxlan"]),
    );
}

#[test]
fn default_and_optional_products_follow_the_page() {
    use Mode::{AsPublished, LeastPrivilege};
    let on = || Scalar::Bool(true);
    check_applies(
        "metallb.",
        AsPublished,
        &[],
        &["metallb.metrics", "metallb.memberlist"],
    );
    check_applies(
        "metallb.",
        AsPublished,
        &[("load-balancer", word("none"))],
        &[],
    );
    let bgp = [("metallb.mode", word("bgp")), ("metallb.bfd", on())];
    check_applies(
        "metallb.b",
        AsPublished,
        &bgp,
        &["metallb.bgp", "metallb.bfd", "metallb.bfd-from-router"],
    );
    check_applies("kube-vip.", AsPublished, &[], &[]);
    let vip = [("kube-vip", on())];
    check_applies(
        "kube-vip.",
        AsPublished,
        &vip,
        &["kube-vip.metrics", "kube-vip.api"],
    );
    check_applies("spiderpool.", AsPublished, &[], &[]);
    let beside = [("spiderpool", on())];
    check_applies(
        "spiderpool.c",
        LeastPrivilege,
        &beside,
        &["spiderpool.controller-health", "spiderpool.controller-gops"],
    );
    check_applies(
        "cilium.hubble",
        AsPublished,
        &[("cni", word("cilium"))],
        &["cilium.hubble-server", "cilium.hubble-relay"],
    );
    let hubble = [("cni", word("cilium")), ("cilium.hubble", on())];
    check_applies(
        "cilium.hubble",
        LeastPrivilege,
        &hubble,
        &["cilium.hubble-server"],
    );
}

/// Source, target and need in least privilege; none where the row is not opened.
type Corrected = Option<(&'static str, &'static str, Need)>;

#[test]
fn corrections_apply_in_least_privilege_only() {
    let catalog = load("dce");
    let cases: &[(&str, Corrected)] = &[
        (
            "kubernetes.etcd-client",
            Some(("control-plane, etcd", "etcd", Need::Required)),
        ),
        (
            "kubernetes.etcd-peer",
            Some(("etcd", "etcd", Need::Required)),
        ),
        (
            "kubernetes.etcd-metrics",
            Some(("monitoring", "etcd", Need::Metrics)),
        ),
        (
            "kubernetes.port-10257",
            Some(("monitoring", "control-plane", Need::Metrics)),
        ),
        (
            "metallb.metrics",
            Some(("monitoring", "node", Need::Metrics)),
        ),
        (
            "calico.typha",
            Some(("node", "calico-typha", Need::Required)),
        ),
        (
            "spiderpool.webhook",
            Some(("control-plane", "spiderpool-controller", Need::Required)),
        ),
        (
            "dce.bootstrap-minio-console",
            Some(("administrator", "bootstrap", Need::Optional)),
        ),
        ("spiderpool.cli", None),
        ("cilium.hubble-relay", None),
    ];
    for (id, expected) in cases {
        let published = by_id(&catalog, id);
        let same = published.in_mode(Mode::AsPublished).expect("as published");
        assert_eq!(same.from, published.from, "{id}");
        let names = |roles: &catalog::OneOrMany<String>| {
            roles.iter().cloned().collect::<Vec<_>>().join(", ")
        };
        let corrected = published.in_mode(Mode::LeastPrivilege);
        let found = corrected.map(|one| (names(&one.from), names(&one.to), one.need));
        let expected = expected.map(|(from, to, need)| (from.to_owned(), to.to_owned(), need));
        assert_eq!(found, expected, "{id}");
    }
    let title = |id, mode| {
        by_id(&catalog, id)
            .in_mode(mode)
            .map(|one| one.title.en.clone())
    };
    let of = |id| title(id, Mode::LeastPrivilege).expect(id);
    assert!(of("kubernetes.port-10257").contains("controller-manager"));
    assert!(of("kubernetes.port-10259").contains("scheduler"));
}

#[test]
fn services_follow_protocol_ports_and_parameters() {
    let catalog = load("dce");
    let given = [
        ("cni", word("cilium")),
        ("metallb.metrics-port", Scalar::Number(17472)),
    ];
    let services = opened(&catalog, Mode::AsPublished, &given);
    let text = |id: &str| -> Vec<String> { services[id].iter().map(ToString::to_string).collect() };
    assert_eq!(text("metallb.metrics"), ["tcp 17472", "udp 17472"]);
    assert_eq!(text("kubernetes.node-port"), ["tcp 30000-32767"]);
    assert_eq!(services["cilium.icmp"], [Service::Icmp(IcmpKind::ECHO)]);
    let calico = opened(&catalog, Mode::AsPublished, &[]);
    assert_eq!(
        calico["calico.ipip"],
        [Service::Protocol(Protocol::IPENCAP)]
    );
    let values = catalog.values(&BTreeMap::new()).expect("defaults");
    assert_eq!(
        by_id(&catalog, "dce.database").services(&values),
        Ok(Services::Endpoint {
            protocols: vec![Protocol::TCP],
            default: 3306
        })
    );
}

#[test]
fn parameter_values_are_checked_and_written_as_the_catalogue_writes_them() {
    let catalog = load("dce");
    let value = |id: &str, value: Scalar| {
        let given = BTreeMap::from([(id.to_owned(), value)]);
        let problem =
            |problems: Vec<portwright::diagnostic::Diagnostic>| problems[0].message.clone();
        catalog
            .values(&given)
            .map(|values| values[id].clone())
            .map_err(problem)
    };
    assert_eq!(value("kube-vip", word("true")), Ok(Scalar::Bool(true)));
    assert_eq!(value("ssh.port", word("2222")), Ok(word("2222")));
    let wrong = value("ssh.port", word("70000")).expect_err("no port");
    assert!(wrong.contains("expected a port"), "{wrong}");
    let wrong = value("cni", word("calcio")).expect_err("no value");
    assert!(wrong.contains("expected one of `calico`"), "{wrong}");
    let wrong = value("cnii", word("calico")).expect_err("no parameter");
    assert!(wrong.contains("has no parameter"), "{wrong}");
}

#[test]
fn conditions_hold_join_and_print() {
    let condition = |text: &str| -> Condition { serde_json::from_str(text).expect(text) };
    let cases = [
        ("{}", "", true),
        (r#"{"a": 1}"#, "a=1", true),
        (r#"{"a": [2, 3]}"#, "a=2|3", false),
        (r#"{"a": 1, "b": "y"}"#, "a=1 & b=y", false),
        (r#"{"b": ["x", "y"], "c": true}"#, "b=x|y & c=true", true),
        (r#"{"c": "true"}"#, "c=true", false),
        (r#"{"missing": 1}"#, "missing=1", false),
        (r#"{"not": {"a": 1}}"#, "!(a=1)", false),
        (r#"{"any": [{"a": 2}, {"b": "x"}]}"#, "(a=2 | b=x)", true),
        (
            r#"{"a": 1, "any": [{"b": "y"}], "not": {"a": 2}}"#,
            "a=1 & (b=y) & !(a=2)",
            false,
        ),
        (
            r#"{"not": {"not": {"any": [{"a": 1}, {"a": 2}]}}}"#,
            "!(!((a=1 | a=2)))",
            true,
        ),
    ];
    let values = BTreeMap::from([
        ("a".to_owned(), Scalar::Number(1)),
        ("b".to_owned(), word("x")),
        ("c".to_owned(), Scalar::Bool(true)),
    ]);
    for (text, shown, holds) in cases {
        let one = condition(text);
        assert_eq!(one.to_string(), shown);
        assert_eq!(one.holds(&values), holds, "{text}");
        // Both together hold exactly where each does.
        for (other_text, _, other_holds) in cases {
            let both = one.and(&condition(other_text));
            assert_eq!(
                both.holds(&values),
                holds && other_holds,
                "{text} and {other_text}"
            );
        }
    }
}

#[test]
fn a_joined_catalogue_survives_yaml() {
    for name in catalog::builtin::names() {
        let first = load(name);
        let text = portwright::yaml::to_string(&first.to_document()).expect("yaml");
        let mut sources = Sources::default();
        let id = sources.add("joined.yaml", text.as_str());
        let again = Catalog::load(&mut sources, name, &[id])
            .unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        assert_eq!(first.rows(), again.rows());
        let second = portwright::yaml::to_string(&again.to_document()).expect("yaml");
        assert_eq!(text, second);
    }
}

#[test]
fn the_schema_describes_every_key() {
    let schema = catalog::schema();
    let keys = schema["properties"].as_object().expect("properties");
    let keys: Vec<&str> = keys.keys().map(String::as_str).collect();
    for key in [
        "catalog",
        "version",
        "title",
        "uses",
        "defaults",
        "parameters",
        "roles",
        "requirements",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
