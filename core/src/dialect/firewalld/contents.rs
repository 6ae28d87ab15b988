//! The rules of services, ports, rich rules and whatever else zones and policies hold.

use super::builtin;
use super::config::{Action, Contents, ForwardPort, Rich, Service, Subject};
use super::draft::{Does, Draft, End};
use super::generate::{Generator, Into};
use super::scaffold::prohibited;
use crate::diagnostic::{Diagnostic, input};
use crate::firewall::RejectWith;
use crate::net::Family;
use crate::packet::Ranges;
use crate::source::Span;
use std::net::IpAddr;

/// Includes nest no deeper.
const DEEPEST: usize = 32;

/// What every rule of one service shares.
#[derive(Clone, Copy)]
struct Around<'r> {
    /// The rich rule that names the service.
    rich: Option<&'r Rich>,
    /// Who names it.
    span: Span,
}

impl Generator<'_> {
    /// Makes the rules of a zone or policy, in firewalld's order.
    pub(super) fn contents(&mut self, contents: &Contents, into: &Into<'_>) {
        for name in &contents.services {
            let around = Around {
                rich: None,
                span: name.span,
            };
            let mut seen = vec![name.value.clone()];
            self.service(&name.value, around, into, &mut seen, 0);
        }
        let allow = format!("{}_allow", into.filter);
        for port in &contents.ports {
            let draft = Draft::new(port.span).port(End::Destination, port.value);
            self.put(&allow, draft.does(Does::Accept), None);
        }
        if let Some(span) = contents.masquerade {
            let draft = Draft::new(span).family(Family::V4);
            self.masquerade(draft, &format!("{}_allow", into.post), None);
        }
        for forward in &contents.forward_ports {
            let to = forward.value.to_address;
            let family = to.map_or(Family::V4, Family::of);
            let draft = Draft::new(forward.span).family(family);
            self.forward(draft, &forward.value, &format!("{}_allow", into.nat), None);
        }
        for port in &contents.source_ports {
            let draft = Draft::new(port.span).port(End::Source, port.value);
            self.put(&allow, draft.does(Does::Accept), None);
        }
        for block in &contents.icmp_blocks {
            self.icmp_block(&block.value, block.span, into);
        }
        for rule in &contents.rules {
            self.rich(&rule.value, rule.span, into);
        }
        for protocol in &contents.protocols {
            let draft = Draft::new(protocol.span).protocol(protocol.value);
            self.put(&allow, draft.does(Does::Accept), None);
        }
    }

    fn service(
        &mut self,
        name: &str,
        around: Around<'_>,
        into: &Into<'_>,
        seen: &mut Vec<String>,
        depth: usize,
    ) {
        let config = self.config;
        let given = config.services.get(name).cloned();
        let Some(service) = given.or_else(|| builtin::service(name)) else {
            self.missing("service", name, &["services"], around, into);
            return;
        };
        for include in &service.includes {
            if seen.contains(include) || depth >= DEEPEST {
                continue;
            }
            seen.push(include.clone());
            self.service(include, around, into, seen, depth + 1);
        }
        for fault in &service.damage {
            let why = format!("service `{name}` cannot be read: {}", fault.message);
            let draft = Draft::new(fault.span).does(Does::Opaque(why));
            self.put(&format!("{}_allow", into.filter), draft, None);
        }
        let wanted = around.rich.and_then(|rich| self.rich_family(rich));
        let mut destinations = Vec::new();
        for family in Family::ALL {
            let found = service.destinations.iter().find(|(own, _)| *own == family);
            if let Some((_, peer)) = found
                && wanted.is_none_or(|wanted| wanted == family)
            {
                destinations.push(Some(peer));
            }
        }
        if service.destinations.is_empty() {
            destinations.push(None);
        }
        for destination in destinations {
            let start = |generator: &mut Self| {
                let mut draft = Draft::new(around.span);
                if let Some(rich) = around.rich {
                    draft = draft.mark("rich");
                    if let Some(family) = rich.family {
                        draft = draft.family(family);
                    }
                }
                if let Some(peer) = destination {
                    draft = generator.peer(draft, End::Destination, peer, false);
                }
                if let Some(rich) = around.rich {
                    draft = generator.ends_of(draft, rich);
                }
                draft
            };
            let helps = around
                .rich
                .is_none_or(|rich| rich.action == Some(Action::Accept));
            if helps {
                let draft = Draft::new(around.span).generated().mark("helper");
                let draft = match destination {
                    Some(peer) => self.peer(draft, End::Destination, peer, false),
                    None => draft,
                };
                self.helpers(&service, &draft, around, into);
            }
            for &port in &service.ports {
                let draft = start(self).port(End::Destination, port);
                self.permit(draft, around.rich, into);
            }
            for &protocol in &service.protocols {
                let draft = start(self).protocol(protocol);
                self.permit(draft, around.rich, into);
            }
            for &port in &service.source_ports {
                let draft = start(self).port(End::Source, port);
                self.permit(draft, around.rich, into);
            }
        }
    }

    /// Rules that make connection tracking watch a port: no verdict, but a place in the chain.
    fn helpers(&mut self, service: &Service, draft: &Draft, around: Around<'_>, into: &Into<'_>) {
        let mut names: Vec<String> = Vec::new();
        for name in service.modules.iter().chain(&service.helpers) {
            names.push(name.clone());
        }
        names.sort();
        names.dedup();
        for name in names {
            let config = self.config;
            let known = config.helpers.get(&name).cloned();
            let Some(helper) = known.or_else(|| builtin::helper(&name)) else {
                self.missing("helper", &name, &["helpers"], around, into);
                continue;
            };
            for port in helper.ports {
                let draft = draft.clone().mark(&name).port(End::Destination, port);
                self.put(&format!("{}_allow", into.filter), draft, None);
            }
        }
    }

    /// What is named and not there: whatever reaches the place is unknown.
    fn missing(
        &mut self,
        kind: &str,
        name: &str,
        folders: &[&str],
        around: Around<'_>,
        into: &Into<'_>,
    ) {
        let why = format!("{kind} `{name}` is not in the files");
        let folder = folders.first().copied().unwrap_or_default();
        self.notes.push(
            Diagnostic::new(
                &input::DANGLING,
                format!("{why}, and {} does not bring it along", builtin::VERSION),
            )
            .at(around.span)
            .help(format!("give `/etc/firewalld/{folder}/{name}.xml` too")),
        );
        let draft = Draft::new(around.span).does(Does::Opaque(why));
        let (part, priority) = around.rich.map_or(("allow", None), placing);
        self.put(&format!("{}_{part}", into.filter), draft, priority);
    }

    /// Accepts, or does what the rich rule says.
    fn permit(&mut self, draft: Draft, rich: Option<&Rich>, into: &Into<'_>) {
        match rich {
            None => {
                let chain = format!("{}_allow", into.filter);
                self.put(&chain, draft.does(Does::Accept), None);
            }
            Some(rich) => self.act(draft, rich, into),
        }
    }

    /// The family that a rich rule is about, where it is about one.
    fn rich_family(&self, rich: &Rich) -> Option<Family> {
        use super::config::Peer;
        rich.family.or(match rich.source.as_ref().map(|s| &s.peer) {
            Some(Peer::Addresses(family, ..)) => Some(*family),
            Some(Peer::Set(name)) => self
                .config
                .ipsets
                .get(name)
                .filter(|set| set.kind != "hash:mac")
                .map(|set| set.family),
            _ => None,
        })
    }

    fn ends_of(&mut self, mut draft: Draft, rich: &Rich) -> Draft {
        let ends = [
            (End::Destination, &rich.destination),
            (End::Source, &rich.source),
        ];
        for (end, found) in ends {
            if let Some(found) = found {
                draft = self.peer(draft, end, &found.peer, found.invert);
            }
        }
        draft
    }

    fn rich(&mut self, rich: &Rich, span: Span, into: &Into<'_>) {
        let mut into = *into;
        let elsewhere = matches!(
            rich.element,
            Subject::ForwardPort(_) | Subject::Masquerade | Subject::MssClamp
        );
        if elsewhere || matches!(rich.action, Some(Action::Mark(..))) {
            into.filter = into.side;
        }
        if let Subject::Service(name) = &rich.element {
            let around = Around {
                rich: Some(rich),
                span,
            };
            let mut seen = vec![name.clone()];
            self.service(name, around, &into, &mut seen, 0);
            return;
        }
        let mut draft = Draft::new(span).mark("rich");
        if let Some(family) = rich.family {
            draft = draft.family(family);
        }
        let draft = self.ends_of(draft, rich);
        match &rich.element {
            Subject::Nothing => self.act(draft, rich, &into),
            Subject::Port(port) => self.act(draft.port(End::Destination, *port), rich, &into),
            Subject::SourcePort(port) => self.act(draft.port(End::Source, *port), rich, &into),
            Subject::Protocol(protocol) => self.act(draft.protocol(*protocol), rich, &into),
            Subject::IcmpBlock(name) | Subject::IcmpType(name) => {
                self.icmp_rule(&draft, name, rich, &into);
            }
            Subject::Masquerade => {
                let (part, priority) = placing(rich);
                self.masquerade(draft, &format!("{}_{part}", into.post), priority);
            }
            Subject::ForwardPort(forward) => {
                let (part, priority) = placing(rich);
                self.forward(draft, forward, &format!("{}_{part}", into.nat), priority);
            }
            Subject::MssClamp => {
                let (part, _) = placing(rich);
                self.put(&format!("{}_{part}", into.filter), draft, None);
            }
            Subject::Service(_) => {}
        }
    }

    /// Logs, audits and acts.
    fn act(&mut self, draft: Draft, rich: &Rich, into: &Into<'_>) {
        let log = match rich.priority {
            0 => "log",
            priority if priority < 0 => "pre",
            _ => "post",
        };
        let (part, priority) = placing(rich);
        for (wanted, kind) in [(rich.log, "logs"), (rich.audit, "audits")] {
            if wanted {
                let chain = format!("{}_{log}", into.filter);
                self.put(&chain, draft.clone().mark(kind), priority);
            }
        }
        let Some(action) = &rich.action else {
            return;
        };
        let mut chain = format!("{}_{part}", into.filter);
        let does = match action {
            Action::Accept => Does::Accept,
            Action::Drop => Does::Drop,
            Action::Reject(kind) => match reject(kind.as_deref()) {
                Some(with) => Does::Reject(with),
                None => Does::Opaque("the type of this reject is not known".into()),
            },
            Action::Mark(mask, value) => {
                chain = format!("{}_{part}", into.mangle);
                Does::Mark {
                    clear: mask.map_or(u32::MAX, |mask| !mask),
                    flip: *value,
                }
            }
        };
        let mut draft = draft.does(does);
        if let Some(limit) = &rich.limit {
            let why = format!("`limit value=\"{limit}\"` depends on the packets before");
            let predicate = self.firewall.unknown(draft.span, why);
            draft = draft.assuming(predicate, "").mark(limit);
        }
        self.put(&chain, draft, priority);
    }

    fn masquerade(&mut self, draft: Draft, chain: &str, priority: Option<i32>) {
        let lo = super::draft::interface("lo").unwrap_or_default();
        let draft = draft.interfaces(End::Destination, &Ranges::full().subtract(&lo));
        self.put(chain, draft.does(Does::Masquerade), priority);
    }

    fn forward(&mut self, draft: Draft, forward: &ForwardPort, chain: &str, priority: Option<i32>) {
        let draft = draft.port(End::Destination, forward.port);
        let address: Option<IpAddr> = forward.to_address;
        let draft = match address {
            Some(address) => draft.family(Family::of(address)),
            None => draft,
        };
        let ports = forward.to_port;
        self.put(
            chain,
            draft.does(Does::Forward { address, ports }),
            priority,
        );
    }

    /// Number and code of an ICMP type in the families that it is for.
    fn icmp(&mut self, name: &str, span: Span) -> Vec<(Family, u8, Option<u8>)> {
        let Some(known) = builtin::icmp_type(name) else {
            self.notes.push(
                Diagnostic::new(
                    &input::DANGLING,
                    format!("ICMP type `{name}` is not one that firewalld can match"),
                )
                .at(span)
                .help("see `firewall-cmd --get-icmptypes`"),
            );
            return Vec::new();
        };
        let own = self.config.icmptypes.get(name);
        let families = own.unwrap_or(&known.families);
        let mut found = Vec::new();
        for (family, numbers) in [(Family::V4, known.v4), (Family::V6, known.v6)] {
            if !families.is_empty() && !families.contains(&family) {
                continue;
            }
            if let Some((kind, code)) = numbers {
                found.push((family, kind, code));
            }
        }
        found
    }

    fn icmp_block(&mut self, name: &str, span: Span, into: &Into<'_>) {
        let (part, does) = if into.inversion {
            ("allow", Does::Accept)
        } else {
            ("deny", prohibited())
        };
        let chain = format!("{}_{part}", into.filter);
        let found = self.icmp(name, span);
        if found.is_empty() {
            let why = format!("ICMP type `{name}` is not known");
            self.put(&chain, Draft::new(span).does(Does::Opaque(why)), None);
        }
        for (family, kind, code) in found {
            let draft = Draft::new(span).icmp(family, kind, code);
            if self.config.settings.log_denied && !into.inversion {
                self.put(&chain, draft.clone().mark("logs"), None);
            }
            self.put(&chain, draft.does(does.clone()), None);
        }
    }

    fn icmp_rule(&mut self, draft: &Draft, name: &str, rich: &Rich, into: &Into<'_>) {
        let found = self.icmp(name, draft.span);
        let (part, priority) = placing(rich);
        if found.is_empty() {
            let why = format!("ICMP type `{name}` is not known");
            let chain = format!("{}_{part}", into.filter);
            self.put(&chain, draft.clone().does(Does::Opaque(why)), priority);
        }
        let wanted = self.rich_family(rich);
        for (family, kind, code) in found {
            if wanted.is_some_and(|wanted| wanted != family) {
                continue;
            }
            let draft = draft.clone().icmp(family, kind, code);
            let blocks = matches!(rich.element, Subject::IcmpBlock(_)) || rich.action.is_none();
            self.act(draft.clone(), rich, into);
            if rich.action.is_none() && blocks {
                let chain = format!("{}_{part}", into.filter);
                self.put(&chain, draft.does(prohibited()), priority);
            }
        }
    }
}

/// Which of a zone's chains a rich rule goes into, and its priority there.
fn placing(rich: &Rich) -> (&'static str, Option<i32>) {
    match rich.priority {
        0 => {}
        priority if priority < 0 => return ("pre", Some(priority)),
        priority => return ("post", Some(priority)),
    }
    let denies = matches!(rich.element, Subject::IcmpBlock(_))
        || matches!(rich.action, Some(Action::Reject(_) | Action::Drop));
    let permits = matches!(
        rich.element,
        Subject::Masquerade | Subject::ForwardPort(_) | Subject::MssClamp
    ) || matches!(rich.action, Some(Action::Accept | Action::Mark(..)));
    if denies && !permits {
        ("deny", None)
    } else {
        ("allow", None)
    }
}

/// The answer that a rich rule names.
fn reject(kind: Option<&str>) -> Option<RejectWith> {
    let name = match kind {
        None => "icmpx-port-unreachable",
        Some("tcp-reset" | "tcp-rst") => return Some(RejectWith::TcpReset),
        Some("icmp-host-prohibited" | "host-prohib") => "icmp-host-prohibited",
        Some("icmp-net-prohibited" | "net-prohib") => "icmp-net-prohibited",
        Some("icmp-admin-prohibited" | "admin-prohib") => "icmp-admin-prohibited",
        Some("icmp6-adm-prohibited" | "adm-prohibited") => "icmp6-adm-prohibited",
        Some("icmp-net-unreachable" | "net-unreach") => "icmp-net-unreachable",
        Some("icmp-host-unreachable" | "host-unreach") => "icmp-host-unreachable",
        Some("icmp-port-unreachable") => "icmp-port-unreachable",
        Some("icmp6-port-unreachable") => "icmp6-port-unreachable",
        Some("port-unreach") => "icmpx-port-unreachable",
        Some("icmp-proto-unreachable" | "proto-unreach") => "icmp-proto-unreachable",
        Some("icmp6-addr-unreachable" | "addr-unreach") => "icmp6-addr-unreachable",
        Some("icmp6-no-route" | "no-route") => "icmp6-no-route",
        Some(_) => return None,
    };
    Some(RejectWith::Icmp(name.into()))
}
