//! Rich rules, whichever way they are written.

use super::config::{Action, Match, Peer, Rich, Subject};
use super::read::{forward_port, port};
use super::tree::{Element, Fault};
use super::value;

/// Reads a `rule` element.
pub(super) fn read(rule: &Element) -> Result<Rich, Fault> {
    let mut rich = Rich {
        priority: 0,
        family: None,
        source: None,
        destination: None,
        element: Subject::Nothing,
        log: false,
        audit: false,
        action: None,
        limit: None,
    };
    for attribute in &rule.attributes {
        let fault = |message: String| Fault::new(attribute.span, message);
        let text = attribute.value.as_str();
        match attribute.name.as_str() {
            "family" => rich.family = Some(value::family(text).map_err(fault)?),
            "priority" => {
                rich.priority = text
                    .parse()
                    .ok()
                    .filter(|priority| (-32768..=32767).contains(priority))
                    .ok_or_else(|| {
                        fault(format!(
                            "expected a priority from -32768 to 32767, found `{text}`"
                        ))
                    })?;
            }
            other => return Err(fault(format!("`rule` has no attribute `{other}`"))),
        }
    }
    for child in &rule.children {
        part(child, &mut rich)?;
    }
    Ok(rich)
}

fn part(child: &Element, rich: &mut Rich) -> Result<(), Fault> {
    let twice = || Fault::new(child.span, format!("a second `{}` in one rule", child.name));
    match child.name.as_str() {
        "source" if rich.source.is_some() => return Err(twice()),
        "source" => rich.source = Some(end(child)?),
        "destination" if rich.destination.is_some() => return Err(twice()),
        "destination" => rich.destination = Some(end(child)?),
        "log" | "nflog" => rich.log = true,
        "audit" => rich.audit = true,
        "accept" | "reject" | "drop" | "mark" if rich.action.is_some() => return Err(twice()),
        "accept" => rich.action = Some(Action::Accept),
        "reject" => rich.action = Some(Action::Reject(child.get("type").map(str::to_owned))),
        "drop" => rich.action = Some(Action::Drop),
        "mark" => rich.action = Some(mark(child)?),
        _ if rich.element != Subject::Nothing => {
            return Err(Fault::new(
                child.span,
                format!("`{}` is a second element in one rule", child.name),
            ));
        }
        _ => rich.element = subject(child)?,
    }
    if matches!(child.name.as_str(), "accept" | "reject" | "drop" | "mark") {
        let limit = child.children.iter().find(|inner| inner.name == "limit");
        if let Some(limit) = limit {
            rich.limit = Some(limit.need("value")?.value.clone());
        }
    }
    Ok(())
}

fn subject(child: &Element) -> Result<Subject, Fault> {
    let name = || child.need("name").map(|attribute| attribute.value.clone());
    Ok(match child.name.as_str() {
        "service" => Subject::Service(name()?),
        "port" => Subject::Port(port(child)?),
        "source-port" => Subject::SourcePort(port(child)?),
        "protocol" => {
            let text = child.need("value")?;
            let protocol = value::protocol(&text.value);
            Subject::Protocol(protocol.map_err(|m| Fault::new(text.span, m))?)
        }
        "icmp-block" => Subject::IcmpBlock(name()?),
        "icmp-type" => Subject::IcmpType(name()?),
        "masquerade" => Subject::Masquerade,
        "forward-port" => Subject::ForwardPort(forward_port(child)?),
        "tcp-mss-clamp" => Subject::MssClamp,
        other => {
            return Err(Fault::new(
                child.span,
                format!("a rich rule has no element `{other}`"),
            ));
        }
    })
}

fn end(child: &Element) -> Result<Match, Fault> {
    let fault = |message: String| Fault::new(child.span, message);
    let peer = match (child.get("address"), child.get("mac"), child.get("ipset")) {
        (Some(text), None, None) | (None, Some(text), None) => value::peer(text).map_err(fault)?,
        (None, None, Some(name)) => Peer::Set(name.to_owned()),
        _ => {
            return Err(fault(format!(
                "expected one of `address`, `mac` and `ipset` in `{}`",
                child.name
            )));
        }
    };
    Ok(Match {
        peer,
        invert: child.get("invert").is_some_and(value::truth),
    })
}

fn mark(child: &Element) -> Result<Action, Fault> {
    let set = child.need("set")?;
    let number = |text: &str| value::number(text).map_err(|m| Fault::new(set.span, m));
    Ok(match set.value.split_once('/') {
        Some((bits, mask)) => Action::Mark(Some(number(mask)?), number(bits)?),
        None => Action::Mark(None, number(&set.value)?),
    })
}

/// Why firewalld itself refuses a rule and passes over it, if it does.
pub(super) fn refused(rich: &Rich) -> Option<&'static str> {
    let bare = rich.element == Subject::Nothing;
    let addressed = |end: &Option<Match>| {
        end.as_ref()
            .is_some_and(|end| matches!(end.peer, Peer::Addresses(..)))
    };
    let placed = rich.source.is_some() || rich.destination.is_some() || rich.priority != 0;
    let acts = rich.log || rich.audit || rich.action.is_some();
    let alone = matches!(
        rich.element,
        Subject::Masquerade | Subject::ForwardPort(_) | Subject::MssClamp | Subject::IcmpBlock(_)
    );
    let needs_family = addressed(&rich.source)
        || rich.destination.is_some()
        || matches!(rich.element, Subject::ForwardPort(_))
        || matches!(rich.action, Some(Action::Reject(Some(_))));
    match () {
        () if rich.family.is_none() && needs_family => Some("it needs a `family`"),
        () if wrong_family(rich) => Some("an address is of another family than the rule"),
        () if bare && rich.action.is_none() && !(rich.log && rich.priority != 0) => {
            Some("it has neither an element nor an action")
        }
        () if bare && !placed => Some("it has no element, source, destination or priority"),
        () if !alone && !acts => Some("it has no action such as `accept`"),
        () if alone && rich.action.is_some() => Some("its element takes no action"),
        () => None,
    }
}

fn wrong_family(rich: &Rich) -> bool {
    [&rich.source, &rich.destination]
        .into_iter()
        .flatten()
        .any(|end| match end.peer {
            Peer::Addresses(family, ..) => rich.family.is_some_and(|own| own != family),
            _ => false,
        })
}
