//! The registry of codes. A code is stable once released: it is never reused for something else.
//!
//! `PW0xx` input that cannot be read, `PW1xx` site and catalogue, `PW2xx` required against
//! permitted, `PW3xx` rule hygiene, `PW4xx` classic mistakes.

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
    /// Rules that do nothing.
    pub mod hygiene {
        /// The rule can never match: earlier rules decide all of its packets. If it has the
        /// opposite verdict of those rules, its author's wish has no effect.
        ///
        /// Fix it by moving it before the rules that cover it, or by deleting it.
        SHADOWED = "PW301" "shadowed" Warning "a rule can never match";
    }
    /// Classic errors.
    pub mod mistake {
        /// A rule names the wrong protocol for what it is evidently meant to permit: protocol 94
        /// (`ipip` in /etc/protocols) or a TCP or UDP port 4 for IP-in-IP, which is protocol 4
        /// (`ipencap`); TCP for VXLAN or WireGuard, which are UDP.
        WRONG_PROTOCOL = "PW401" "wrong-protocol" Error "a rule names the wrong protocol for its evident purpose";
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
