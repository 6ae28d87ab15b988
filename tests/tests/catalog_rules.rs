//! Catalogue files that break the rules: what is said, and on which line.

use portwright::catalog::{Catalog, Scalar};
use portwright::source::Sources;

/// A good catalogue. Cases replace one piece of it.
const GOOD: &str = r#"catalog: own
version: "1"
title: {en: Own, zh: 自有}
uses: [kubernetes]
defaults:
  cni: calico
parameters:
  - id: own.port
    title: {en: Port, zh: 端口}
    default: 8443
  - id: own.mode
    title: {en: Mode, zh: 模式}
    values: [fast, safe]
    default: safe
roles:
  - id: own-server
    kind: host
    fallback: node
    title: {en: Server, zh: 服务器}
  - id: own-vip
    kind: vip
    title: {en: VIP, zh: VIP}
  - id: own-partner
    kind: external
    title: {en: Partner, zh: 合作方}
requirements:
  - id: own.api
    title: {en: API, zh: 接口}
    from: node
    to: [own-server, own-vip]
    protocol: [tcp, udp]
    ports: {parameter: own.port}
    when: {own.mode: [fast, safe], not: {cni: none}}
    citation: {document: Own manual, row: "8443"}
    erratum:
      note: {en: Only TCP, zh: 仅 TCP}
      source: Own repository
      correction:
        protocol: tcp
  - id: own.partner
    title: {en: Partner, zh: 合作方}
    from: own-server
    to: own-partner
    scope: any-cluster
    protocol: tcp
    ports: {endpoint: 5671}
    citation: {document: Own manual}
  - id: own.ping
    title: {en: Ping, zh: 探测}
    from: node
    to: node
    protocol: icmp
    icmp: {type: 8}
    citation: {document: Own manual}
"#;

/// `LINE MESSAGE` of every problem of loading the first of these texts with the others.
fn problems(texts: &[&str]) -> Vec<String> {
    let mut sources = Sources::default();
    let ids: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| sources.add(format!("{n}.yaml"), *text))
        .collect();
    match Catalog::load(&mut sources, "own", &ids) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| {
                assert!(problem.help.is_some(), "{problem:?}");
                let line = problem
                    .labels
                    .first()
                    .map_or(0, |label| sources.position(label.span).line);
                format!("{line} {}", problem.message)
            })
            .collect(),
    }
}

/// The good catalogue with one piece replaced has exactly this problem.
fn check(piece: &str, replacement: &str, expected: &str) {
    assert_eq!(GOOD.matches(piece).count(), 1, "the piece {piece:?}");
    let text = GOOD.replace(piece, replacement);
    assert_eq!(
        problems(&[&text]),
        [expected],
        "{piece:?} → {replacement:?}"
    );
}

#[test]
fn the_good_catalogue_is_good() {
    assert_eq!(problems(&[GOOD]), [""; 0]);
}

#[test]
fn files_must_have_the_form_of_a_catalogue() {
    check(
        "version:",
        "verison:",
        "2 unknown key `verison`, expected one of `catalog`, `version`, `title`, `uses`, `defaults`, `parameters`, `roles`, `requirements`",
    );
    check(
        "    kind: vip\n",
        "    kind: vpi\n",
        "21 unknown value `vpi`, expected one of `host`, `vip`, `external`",
    );
    check(
        "    to: own-partner\n",
        "",
        "46 the key `to` is missing here",
    );
    check(
        "ports: {endpoint: 5671}",
        "ports: 70000",
        "46 expected a port, a range such as `30000-32767`, a list of them, `{parameter: ID}` or `{endpoint: PORT}`",
    );
    check(
        "ports: {endpoint: 5671}",
        "ports: {endpoint: 5671, parameter: x}",
        "46 expected a port, a range such as `30000-32767`, a list of them, `{parameter: ID}` or `{endpoint: PORT}`",
    );
    check(
        "protocol: icmp",
        "protocol: 300",
        "52 expected one value or a list of values of the kind that belongs here",
    );
    check(
        "default: 8443",
        "default: 0.5",
        "10 expected `true`, `false`, a whole number or a word (quote anything else)",
    );
}

#[test]
fn ids_are_unique_and_well_formed() {
    check(
        "- id: own.ping",
        "- id: own.api",
        "27 the requirement `own.api` exists twice",
    );
    check(
        "- id: own.ping",
        "- id: kubernetes.apiserver",
        "48 the requirement `kubernetes.apiserver` exists twice",
    );
    check(
        "- id: own-vip",
        "- id: own-server",
        "16 the role `own-server` exists twice",
    );
    check(
        "- id: own.ping",
        "- id: Own Ping",
        "48 `Own Ping` is no id for a requirement, expected lower-case letters, digits, `.` and `-`",
    );
}

#[test]
fn names_must_exist() {
    check(
        "from: own-server",
        "from: own-sevrer",
        "40 the requirement `own.partner` names the role `own-sevrer`, which does not exist",
    );
    check(
        "{cni: none}",
        "{cin: none}",
        "27 the requirement `own.api` depends on the parameter `cin`, which does not exist",
    );
    check(
        "{cni: none}",
        "{cni: calcio}",
        "27 the requirement `own.api` depends on `cni` being `calcio`, which is not one of its values",
    );
    check(
        "{parameter: own.port}",
        "{parameter: own.prot}",
        "27 the requirement `own.api` takes its port from `own.prot`, which is no port parameter",
    );
    check(
        "{parameter: own.port}",
        "{parameter: own.mode}",
        "27 the requirement `own.api` takes its port from `own.mode`, which is no port parameter",
    );
    check(
        "fallback: node",
        "fallback: nodes",
        "16 the role `own-server` falls back to `nodes`, expected both to be roles of hosts, the second without a fallback of its own",
    );
    check(
        "fallback: node",
        "fallback: etcd",
        "16 the role `own-server` falls back to `etcd`, expected both to be roles of hosts, the second without a fallback of its own",
    );
    check(
        "  cni: calico",
        "  cni: calcio",
        "1 the parameter `cni` does not take `calcio`, expected one of `calico`, `cilium`, `flannel`, `spiderpool`, `other`, `none`",
    );
    check(
        "  cni: calico",
        "  cin: calico",
        "1 `defaults` names the parameter `cin`, which does not exist",
    );
    check(
        "uses: [kubernetes]",
        "uses: [kubernetes, kubernets]",
        "4 there is no catalogue `kubernets`",
    );
}

#[test]
fn protocols_ports_and_types_fit_each_other() {
    check(
        "protocol: icmp",
        "protocol: ipip",
        "48 the requirement `own.ping`: unknown protocol `ipip`, expected `tcp`, `udp`, `sctp`, `icmp` or a number",
    );
    check(
        "protocol: icmp\n    icmp: {type: 8}",
        "protocol: icmp",
        "48 the requirement `own.ping`: the protocol icmp needs an ICMP type",
    );
    check(
        "protocol: icmp\n",
        "protocol: 4\n",
        "48 the requirement `own.ping`: the protocol ipencap has no ICMP type",
    );
    check(
        "    icmp: {type: 8}\n",
        "    icmp: {type: 8}\n    ports: 8\n",
        "48 the requirement `own.ping`: the protocol icmp has no ports",
    );
    check(
        "    ports: {endpoint: 5671}\n",
        "",
        "40 the requirement `own.partner`: the protocol tcp needs ports",
    );
    check(
        "protocol: tcp\n    ports: {endpoint: 5671}",
        "protocol: 6\n    ports: 5671",
        "40 the requirement `own.partner` names protocol 6 by number, expected its name",
    );
    check(
        "{endpoint: 5671}",
        "9100-9000",
        "40 the requirement `own.partner`: `9100-9000` is not a port range",
    );
    check(
        "{endpoint: 5671}",
        "[80, 0]",
        "40 the requirement `own.partner` names port 0",
    );
    check(
        "{endpoint: 5671}",
        "[]",
        "40 the requirement `own.partner` has an empty or nested list of ports",
    );
    check(
        "to: own-partner",
        "to: node",
        "40 the requirement `own.partner` uses `endpoint` where no external party has a port",
    );
    check(
        "from: own-server",
        "from: own-vip",
        "40 the requirement `own.partner` comes from the VIP `own-vip`, but VIPs only receive",
    );
    check(
        "        protocol: tcp\n",
        "        protocol: icmp\n",
        "27 the correction of `own.api`: the protocol icmp has no ports",
    );
    check(
        "        protocol: tcp\n",
        "        drop: true\n        protocol: tcp\n",
        "27 the correction of `own.api` must either drop the row or change it",
    );
    check(
        "default: 8443",
        "default: 0",
        "8 the default `0` of the parameter `own.port` is not allowed, expected a port or a port range such as `30000-32767`",
    );
    check(
        "default: safe",
        "default: slow",
        "11 the default `slow` of the parameter `own.mode` is not allowed, expected one of `fast`, `safe`",
    );
}

#[test]
fn texts_are_there_in_both_languages_with_their_sources() {
    check(
        "{en: API, zh: 接口}",
        "{en: API, zh: ''}",
        "27 the requirement `own.api` has no text in Chinese",
    );
    check(
        "{en: Only TCP, zh: 仅 TCP}",
        "{en: ' ', zh: 仅 TCP}",
        "27 the erratum of the requirement `own.api` has no text in English",
    );
    check(
        "source: Own repository",
        "source: ''",
        "27 the erratum of the requirement `own.api` has no source",
    );
    check(
        "{document: Own manual, row: \"8443\"}",
        "{document: ''}",
        "27 the requirement `own.api` cites no document",
    );
}

#[test]
fn catalogues_join_without_circles_and_without_rivals() {
    let own = |uses: &str, rest: &str| {
        format!("catalog: own\nversion: '1'\ntitle: {{en: Own, zh: 自有}}\nuses: [{uses}]\n{rest}")
    };
    let other = "catalog: other\nversion: '1'\ntitle: {en: Other, zh: 其他}\nuses: [own]\n";
    assert_eq!(
        problems(&[&own("other", ""), other]),
        ["4 the catalogues use each other in a circle: own → other → own"]
    );
    assert_eq!(
        problems(&[&own("", ""), other]),
        ["1 the catalogue `other` is given, but nothing uses it"]
    );
    assert_eq!(
        problems(&[&own("", ""), &own("", "")]),
        ["1 two files both call themselves catalogue `own`"]
    );
    assert_eq!(
        problems(&[&own("calico, cilium", "")]),
        ["1 `calico` and `cilium` set different defaults for `cni`: `calico` and `cilium`"]
    );
    assert_eq!(
        problems(&[&own("calico, cilium", "defaults: {cni: cilium}\n")]),
        [""; 0]
    );
}

#[test]
fn a_users_defaults_win_and_own_files_replace_builtins() {
    let mut sources = Sources::default();
    let own = sources.add(
        "own.yaml",
        "catalog: own\nversion: '1'\ntitle: {en: Own, zh: 自有}\nuses: [dce]\ndefaults: {cni: cilium, kube-vip: true}\n",
    );
    let calico = sources.add(
        "calico.yaml",
        "catalog: calico\nversion: '9'\ntitle: {en: Mine, zh: 自有}\nuses: [kubernetes]\n",
    );
    let catalog = Catalog::load(&mut sources, "own", &[calico, own]).expect("a good catalogue");
    let default = |id: &str| catalog.parameters[id].default.clone();
    assert_eq!(default("cni"), Scalar::Text("cilium".into()));
    assert_eq!(default("kube-vip"), Scalar::Bool(true));
    assert_eq!(default("load-balancer"), Scalar::Text("metallb".into()));
    let ids = |prefix: &str| {
        catalog
            .requirements
            .iter()
            .filter(|one| one.id.starts_with(prefix))
            .count()
    };
    assert_eq!(ids("calico."), 0);
    assert!(ids("cilium.") > 0);
}

/// Cutting lines out, or the file short, is an error or another good catalogue; never a panic.
#[test]
fn damaged_catalogues_are_answered() {
    let lines: Vec<&str> = GOOD.lines().collect();
    let mut refused = 0;
    for cut in 0..lines.len() {
        let without = [&lines[..cut], &lines[cut + 1..]].concat().join("\n");
        let short = lines[..cut].join("\n");
        for text in [without, short] {
            refused += usize::from(!problems(&[&text]).is_empty());
        }
    }
    assert!(refused > lines.len());
}
