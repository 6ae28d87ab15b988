//! The registry of codes. A code is stable once released: it is never reused for something else.
//!
//! `PW0xx` input that cannot be read, `PW1xx` site and catalogue, `PW2xx` required against
//! permitted, `PW3xx` rule hygiene, `PW4xx` classic mistakes, `PW5xx` suppressions, `PW6xx` what
//! live probes say, `PW7xx` what listens.

use super::Severity;

/// One kind of diagnostic or finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable identifier, for example `PW201`.
    pub id: &'static str,
    /// Short name, for example `missing`.
    pub name: &'static str,
    /// Severity unless the configuration or the occurrence says otherwise.
    pub severity: Severity,
    /// One line: what it means.
    pub summary: &'static str,
    /// Markdown: what it does, why it matters, how to fix it.
    pub explain: &'static str,
}

macro_rules! codes {
    ($($(#[$meta:meta])* $vis:vis mod $module:ident { $($(#[doc = $doc:literal])+ $name:ident = $id:literal $short:literal $severity:ident $summary:literal;)+ })+) => {
        $($(#[$meta])* $vis mod $module {
            use super::{Code, Severity};
            $($(#[doc = $doc])+
            pub static $name: Code = Code {
                id: $id,
                name: $short,
                severity: Severity::$severity,
                summary: $summary,
                explain: concat!($($doc, "\n"),+),
            };)+
        })+
        /// Every code, in the order of its id.
        pub static CODES: &[&Code] = &[$($(&$module::$name),+),+];
    };
}

codes! {
    /// Input that cannot be read or is not fully understood.
    pub mod input {
        /// The input is not text in UTF-8. Portwright reads text formats only; a compressed or
        /// binary file has to be exported as text first.
        NOT_TEXT = "PW001" "not-text" Error "the input is not UTF-8 text";
        /// The input is larger, deeper or longer than the limits allow. Limits keep hostile input
        /// bounded in time and memory; they are far above what real sites need.
        LIMIT = "PW002" "limit" Error "the input exceeds a limit";
        /// The input breaks the rules of its own format at this place. What stands around it is
        /// still used; what stands there is not.
        SYNTAX = "PW003" "syntax" Error "the input breaks the rules of its format";
        /// No known format recognises this input. Name the format, or check that the file is
        /// what it should be.
        UNKNOWN_FORMAT = "PW004" "unknown-format" Error "no known format recognises this input";
        /// This key or value has no meaning here. It is ignored, which may not be what its
        /// author wanted.
        UNKNOWN_KEY = "PW005" "unknown-key" Warning "a key or value has no meaning here";
        /// A construct was recognised but its effect is not modelled. Every answer that depends
        /// on it is *unknown* and names this line.
        NOT_MODELLED = "PW006" "not-modelled" Note "a construct is recognised but not modelled";
        /// A rule, chain or set refers to something that does not exist in the export. An
        /// answer that depends on it is *unknown*.
        DANGLING = "PW007" "dangling" Warning "a reference has no target";
        /// The input does not say something that the answer needs, and Portwright went on with
        /// the likeliest reading. Say it yourself to be sure.
        ASSUMED = "PW008" "assumed" Note "something that the input leaves unsaid was assumed";
    }
    /// Sites and catalogues that contradict themselves or each other.
    pub mod requirement {
        /// Two hosts have the same name, or two hosts the same address. Rename one, or remove
        /// the copy.
        DUPLICATE = "PW101" "duplicate" Error "two hosts share a name or an address";
        /// Two files say different things about the same host, cluster or VIP. The first is used.
        CONTRADICTION = "PW102" "contradiction" Error "two inputs contradict each other";
        /// A pod or service network overlaps hosts, VIPs or another network. Traffic to the
        /// overlapped addresses would never leave the node.
        OVERLAP = "PW103" "overlap" Error "networks overlap";
        /// A selector (name, role or regular expression) matches nothing, so what it should have
        /// applied to is missing from the answer.
        EMPTY_SELECTOR = "PW104" "empty-selector" Warning "a selector matches nothing";
        /// The catalogue is neither built in nor a readable catalogue file.
        UNKNOWN_CATALOG = "PW105" "unknown-catalog" Error "no such catalogue";
        /// The catalogue has no such parameter, or the parameter does not take this value.
        UNKNOWN_PARAMETER = "PW106" "unknown-parameter" Error "no such parameter or value";
        /// A variable is misspelt: the software it is meant for ignores it.
        MISSPELT = "PW107" "misspelt" Warning "a variable is misspelt and has no effect";
        /// A catalogue file breaks the catalogue rules: an unknown role, a duplicate id, a
        /// condition on a parameter that does not exist.
        BAD_CATALOG = "PW109" "bad-catalog" Error "a catalogue is not consistent";
        /// An external party is named by a host name. Firewalls match addresses: give the
        /// addresses in the site, or answers about it stay unknown.
        UNRESOLVED = "PW110" "unresolved" Note "an external party has no address";
        /// A host has no usable address, or an address is not valid, so no flow of it can be
        /// checked.
        NO_ADDRESS = "PW111" "no-address" Error "a host has no usable address";
        /// Nothing to work with: no host was found in the input.
        NO_HOSTS = "PW112" "no-hosts" Error "the site has no hosts";
        /// The last day of an accepted excess is over: what it accepted is reported again.
        EXPIRED = "PW113" "expired" Warning "an acceptance has expired";
    }
    /// Required against permitted.
    pub mod coverage {
        /// A packet that the platform needs is denied. The finding names which part of the flow
        /// is blocked, a concrete packet, and the rule or policy that denies it.
        ///
        /// Fix it by permitting the flow before the rule that denies it.
        MISSING = "PW201" "missing" Error "a required flow is denied";
        /// Whether a required packet passes depends on a match that Portwright does not
        /// model, or on something the inputs do not say. It is never counted as permitted.
        UNKNOWN = "PW202" "unknown" Warning "whether a required flow passes is unknown";
        /// A packet that nobody requires is permitted. Graded by exposure: any source to a
        /// sensitive service is an error, a wide network a warning, a few addresses a note.
        ///
        /// Fix it by narrowing the rule, or record it as accepted with a reason and a date.
        EXCESS = "PW203" "excess" Warning "a flow nobody requires is permitted";
    }
    /// Rules, chains and sets that do nothing, or too much.
    pub mod hygiene {
        /// The rule can never match: earlier rules decide all of its packets. The finding names
        /// as few of them as are enough to cover it.
        ///
        /// Only packets that can come to the rule's chain by the jumps into it count. A match
        /// that is not modelled (`-m limit`, `-m string` …) may hold or not: the rule is reported
        /// when it is covered either way.
        ///
        /// Fix it by moving it before the rules that cover it, or by deleting it.
        SHADOWED = "PW301" "shadowed" Warning "a rule can never match";
        /// The rule can never match, and the earlier rules that decide its packets give them the
        /// opposite verdict: its author's wish has no effect. Established connections aside, which
        /// one rule on top usually permits.
        ///
        /// ```text
        /// -A INPUT -s 10.0.0.0/8 -j DROP
        /// -A INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 -j ACCEPT
        /// ```
        ///
        /// Fix it by moving the rule before those, or by deleting it.
        CONTRADICTED = "PW302" "contradicted" Warning "a rule can never match, and earlier rules do the opposite";
        /// Earlier rules give the opposite verdict to everything of one prefix, port or
        /// alternative that the rule names; the rest of the rule works. Not reported when each of
        /// those earlier rules is more specific than this one: such exceptions are meant.
        ///
        /// Fix it by moving the rule before those, or by taking that part out.
        PARTLY_SHADOWED = "PW303" "partly-shadowed" Note "a part that a rule names never comes to it";
        /// The rule matches packets, but they would meet the same fate without it: later rules or
        /// the policy decide them alike. The finding names those.
        ///
        /// It may be there as a reminder or for its counter. Else delete it: fewer rules are
        /// easier to read.
        REDUNDANT = "PW304" "redundant" Note "removing a rule changes no verdict";
        /// The rules stand behind one that decides every packet that can be in their chain, so
        /// none of them is ever asked. Those of them whose verdict would be the opposite are
        /// reported as *contradicted*, one by one.
        ///
        /// Fix it by moving the deciding rule to the end, or by deleting what stands behind it.
        UNREACHABLE = "PW305" "unreachable" Warning "rules stand behind one that decides everything";
        /// The same match with the same verdict stands in the chain already. Usually a script
        /// that appends has run twice.
        ///
        /// Delete one of them, and let the script check first (`iptables -C`) or load the whole
        /// ruleset at once (`iptables-restore`, `nft -f`).
        DUPLICATE = "PW306" "duplicate-rule" Warning "a rule repeats an earlier one";
        /// The rule matches no packet whatever stands around it: its conditions exclude each
        /// other, or the set that it names is empty (then only a note, for sets are often filled
        /// while the firewall runs).
        EMPTY_MATCH = "PW307" "empty-match" Warning "a rule's own conditions match no packet";
        /// No rule leads to the chain, so its rules have no effect; in nftables also a chain that
        /// lacks its `hook` line.
        ///
        /// Add the jump that is missing, or delete the chain.
        UNUSED_CHAIN = "PW308" "unused-chain" Warning "no rule leads to a chain";
        /// No rule names the set. Use it, or delete it.
        UNUSED_SET = "PW309" "unused-set" Note "no rule uses a set";
        /// The rule jumps to a chain that has no rules, and comes back at once. Chains that
        /// software fills (Docker, fail2ban, libvirt …) are not reported.
        EMPTY_CHAIN = "PW310" "empty-chain" Note "a rule jumps to a chain without rules";
        /// The rule permits much more than any need: every port or every protocol from any
        /// source, or from a whole /8. Not reported for loopback, for established connections, for
        /// interfaces of containers and virtual machines, where what is permitted is never used,
        /// and where a router passes packets between chosen networks or interfaces. A packet
        /// proves it.
        ///
        /// Name the sources, the protocol and the ports that are needed.
        OVER_WIDE = "PW311" "over-wide" Warning "a rule permits much more than any need";
        /// So many rules overlap that it would cost too much to prove whether these do anything.
        /// Nothing is claimed about them.
        NOT_CHECKED = "PW312" "not-checked" Note "rules are too complex to check";
    }
    /// Classic errors.
    pub mod mistake {
        /// A rule names the wrong protocol for what it is evidently meant to permit: protocol 94
        /// (`ipip` in /etc/protocols) or a TCP or UDP port 4 for IP-in-IP, which is protocol 4
        /// (`ipencap`); TCP for VXLAN or WireGuard, which are UDP.
        WRONG_PROTOCOL = "PW401" "wrong-protocol" Error "a rule names the wrong protocol for its evident purpose";
        /// The rule asks for an interface that packets do not have where it stands: there is no
        /// outgoing interface in INPUT and PREROUTING, and no incoming one in OUTPUT. It can never
        /// match.
        ///
        /// Ask for `-i` in INPUT and for `-o` in OUTPUT; or move the rule to the chain that was
        /// meant.
        IMPOSSIBLE_INTERFACE = "PW402" "impossible-interface" Warning "a rule asks for an interface that packets do not have there";
        /// The rule opens a port that only the host itself uses: health checks and metrics of
        /// kubelet (10248), kube-proxy (10249), kube-controller-manager (10257), kube-scheduler
        /// (10259), etcd (2381), and Cilium's own ports where the comment names Cilium.
        ///
        /// Loopback needs no opening: delete the rule, unless something outside scrapes metrics.
        LOOPBACK_PORT = "PW403" "loopback-port" Warning "a port that only the host itself uses is opened";
        /// Everyone can reach a service that must not be open to everyone: etcd, kubelet, Docker
        /// (errors), databases, file shares, remote desktops (warnings). A packet proves it.
        ///
        /// Only reported where no site says what is needed; else *excess* tells it exactly.
        EXPOSED = "PW404" "exposed" Warning "a sensitive service is open to every address";
        /// The comment names the other of two services: 10259 is kube-scheduler, 10257 is
        /// kube-controller-manager. Published port lists have them swapped.
        SWAPPED_PORTS = "PW405" "swapped-ports" Note "a comment names the other service";
        /// Connections are permitted, but not the ICMP errors that tell that a packet is too large
        /// for the way (`fragmentation needed` in IPv4, `packet too big` in IPv6). Connections
        /// then hang as soon as they carry much, wherever a tunnel makes the way narrower.
        ///
        /// Permit the conntrack state RELATED, which is exactly such errors about known
        /// connections.
        PATH_MTU = "PW406" "path-mtu" Warning "errors about too large packets are denied";
        /// IPv6 connections are permitted, but not neighbour discovery (ICMPv6 types 133 to 136),
        /// without which no IPv6 packet finds its receiver. Connection tracking leaves these
        /// packets alone, so a rule for the states NEW or ESTABLISHED does not match them.
        NEIGHBOUR_DISCOVERY = "PW407" "neighbour-discovery" Error "IPv6 neighbour discovery is denied";
        /// First packets of connections are permitted, but not their later packets or their
        /// answers: no such connection can work. Usually the rule for ESTABLISHED and RELATED is
        /// missing, in this chain or in that of the other direction.
        NO_REPLIES = "PW408" "no-replies" Warning "connections are permitted, but not their answers";
        /// Packets of the conntrack state INVALID are dropped behind a rule that has permitted
        /// some of them. Put the drop at the top.
        LATE_INVALID = "PW409" "late-invalid" Note "invalid packets are dropped too late";
        /// A rule asks for the conntrack state where connection tracking has not run yet (the raw
        /// table; in nftables a priority below -200): there every packet is INVALID.
        ///
        /// Ask in the filter table.
        EARLY_STATE = "PW410" "early-state" Warning "a rule asks for the state of untracked packets";
        /// A rule permits first packets to every port when they come from a certain port. Whoever
        /// sends chooses that port, so it permits everything. Usually a destination port was
        /// meant, or the answers of a service, which the state ESTABLISHED names.
        SOURCE_PORT = "PW411" "source-port" Warning "a rule permits by source port";
        /// Both families are exported, and a rule for a port without addresses stands in IPv4
        /// only, while IPv6 does the opposite: a service that works in one family only (note), or
        /// a port that is closed in IPv4 and open in IPv6 (warning).
        NO_TWIN = "PW412" "no-twin" Note "a rule stands in IPv4 only";
        /// Rules of both backends of iptables (legacy and nf_tables) are in force. Both are
        /// applied to every packet, but each tool shows only its own: what one permits, the other
        /// may deny.
        ///
        /// Move everything to one backend, and flush the other.
        TWO_BACKENDS = "PW413" "two-backends" Warning "legacy and nf_tables rules are both in force";
    }
    /// Suppressions in exports.
    pub mod suppression {
        /// The last day of a suppression is over, and what it hid is reported again. Renew it with
        /// a new date, or remove it.
        EXPIRED = "PW501" "expired-suppression" Warning "a suppression has expired";
        /// A suppression hides nothing: what it was for is gone. Remove it, so that it does not
        /// hide something else one day.
        UNUSED = "PW502" "unused-suppression" Note "a suppression hides nothing";
        /// A suppression names no code or an unknown one, gives no reason, or its date is no day.
        /// Write `portwright:ignore PW301 reason="…" until=2027-01-31` in the comment of the rule,
        /// or in a comment line before it; `until` may be left out.
        MALFORMED = "PW503" "malformed-suppression" Warning "a suppression is not understood";
    }
    /// What live probes say: `portwright probe report`.
    pub mod observation {
        /// A required flow was dialled, and something refuses or drops it. The finding names who,
        /// as far as the source, the stub and the observer on the target can tell: the source's
        /// own firewall, a device on the way, the target's own firewall, or the way back.
        ///
        /// Fix it by permitting the flow there. Where the place is not known, run
        /// `portwright probe listen` as root on the target while others dial: its observer sees
        /// whether the packets arrive.
        BLOCKED = "PW601" "blocked" Error "a required flow is blocked on the wire";
        /// The exports permit the flow, and yet it is blocked: a firewall stands in between that
        /// nobody exported. A network firewall, a cloud's security group, an ACL on a router, or
        /// the other host's own firewall where only one of the two was exported.
        ///
        /// Permit the flow there, and export that firewall too, so that `portwright lint` sees it.
        UNEXPORTED_FIREWALL = "PW602" "unexported-firewall" Error "exports permit a flow that is blocked: a firewall was not exported";
        /// An export says something else than its host does: it denies what works, or permits what
        /// the host's own firewall demonstrably blocks. It is out of date, or lacks a part (the
        /// other backend of iptables, a set, an eBPF program).
        ///
        /// Export the host again, and give everything that it has.
        STALE_EXPORT = "PW603" "stale-export" Warning "an export is out of date: its host does something else";
        /// The packet reaches the host, but nothing listens on the port: no firewall is in the way.
        /// Before an installation, run `portwright probe listen` on the target while others dial.
        /// After it, start the service, or have it listen on the address that others use.
        NOTHING_LISTENS = "PW604" "nothing-listens" Error "a required port is reached, but nothing listens";
        /// There is no way to the address: no route, or no machine has it. That is no firewall.
        NO_WAY = "PW605" "no-way" Error "a required flow has no way to its target";
        /// A required flow was not tested, or its test says nothing: the host did not report, the
        /// run was interrupted, nobody of the site can dial it, or silence means nothing because
        /// neither a stub nor an observer was on the target. It is never counted as open.
        NOT_TESTED = "PW606" "not-tested" Warning "a required flow was not tested";
        /// A result belongs to another plan: its hash differs. It is not used, so that what it
        /// would tell stays unknown.
        ///
        /// Probe again with this plan, or report with the plan that the results are for.
        OTHER_PLAN = "PW607" "other-plan" Warning "a result is for another plan";
        /// A result ends before its task did: the run was interrupted, or the file was cut off.
        /// What it has counts; what it lacks is unknown.
        CUT_OFF = "PW608" "cut-off" Warning "a result is not complete";
    }
    /// What listens on a host against what should.
    pub mod listening {
        /// A port that the installation needs is taken by something else already. What is
        /// installed will not start, or others will talk to the wrong service. Stop what has the
        /// port, or move one of the two; `--expect NAME` says that a process is to be there.
        PORT_TAKEN = "PW701" "port-taken" Error "a port that is needed is taken before the installation";
        /// A service that other hosts need is bound to the loopback address, where only its own
        /// host reaches it. No firewall rule helps. Bind it to the host's address.
        LOOPBACK_ONLY = "PW702" "loopback-only" Error "a required service is bound to loopback only";
        /// A service that other hosts need is bound to an address of the host that they do not
        /// dial. Bind it to the address that the site gives, or to all of them; or correct the
        /// site.
        OTHER_ADDRESS = "PW703" "other-address" Error "a required service is bound to another address";
        /// Nothing listens on a port that others need. What should is not running, or is not
        /// installed on this host; then the requirement needs no opening here.
        NOT_LISTENING = "PW704" "not-listening" Warning "nothing listens on a required port";
        /// A service that nobody needs is bound to all addresses of the host. Only the firewall
        /// keeps others away from it. Bind it to loopback, or stop it.
        EXPOSED = "PW705" "exposed-listener" Warning "a service that nobody needs is bound to all addresses";
        /// A service that nobody needs is bound to an address of the host. It may be part of the
        /// system; if not, stop it.
        UNEXPECTED = "PW706" "unexpected-listener" Note "a service that nobody needs is bound to an address";
    }
}

/// The code with this id (`PW201`) or name (`missing`).
#[must_use]
pub fn code_by_id(id: &str) -> Option<&'static Code> {
    CODES
        .iter()
        .find(|code| code.id.eq_ignore_ascii_case(id) || code.name == id)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_ordered() {
        for pair in CODES.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} {}", pair[0].id, pair[1].id);
        }
        let mut names: Vec<_> = CODES.iter().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
        assert_eq!(code_by_id("pw201").map(|c| c.name), Some("missing"));
    }
}
