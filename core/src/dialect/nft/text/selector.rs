//! Selectors: `ip saddr`, `meta mark`, `ct state`, `fib saddr . iif oif`, …

use super::super::symbols::{self, one_of};
use super::super::syntax::{Expr, ExprKind, Family};
use super::expression::Mode;
use super::lexer::{Kind, Token};
use super::parser::{Parsed, Parser};

/// `meta` keys that may stand without `meta`.
const BARE: &[&str] = &[
    "mark",
    "iif",
    "iifname",
    "iiftype",
    "oif",
    "oifname",
    "oiftype",
    "skuid",
    "skgid",
    "nftrace",
    "rtclassid",
    "ibriport",
    "ibrname",
    "obriport",
    "obrname",
    "pkttype",
    "cpu",
    "iifgroup",
    "oifgroup",
    "cgroup",
    "ibridgename",
    "obridgename",
];

/// Fields of TCP options.
const TCP_OPTION_FIELDS: &[&str] = &[
    "kind", "length", "size", "count", "left", "right", "tsval", "tsecr", "subtype",
];

/// Fields of IP options.
const IP_OPTION_FIELDS: &[&str] = &["type", "length", "value", "ptr", "addr"];

/// Fields of SCTP chunks.
const SCTP_FIELDS: &[&str] = &[
    "type",
    "flags",
    "length",
    "tsn",
    "stream",
    "ssn",
    "ppid",
    "init-tag",
    "a-rwnd",
    "num-outbound-streams",
    "num-inbound-streams",
    "initial-tsn",
    "cum-tsn-ack",
    "num-gap-ack-blocks",
    "num-dup-tsns",
    "lowest-tsn",
    "seqno",
    "new-cum-tsn",
];

impl<'a> Parser<'a, '_> {
    /// A selector, if the next words are one; a fault if they begin one and do not go on so.
    pub(super) fn selector(&mut self) -> Parsed<Option<Expr>> {
        let token = self.token;
        let start = token.start;
        let (second, third) = self.second_and_third();
        let kind = match token.text {
            "meta" => {
                self.bump();
                self.meta()?
            }
            "ct" => {
                self.bump();
                self.ct()?
            }
            "fib" => {
                self.bump();
                self.fib()?
            }
            "socket" => {
                self.bump();
                self.socket()?
            }
            "osf" => {
                self.bump();
                self.osf()?
            }
            "ipsec" => {
                self.bump();
                self.ipsec()?
            }
            "numgen" => {
                self.bump();
                self.numgen()?
            }
            "jhash" | "symhash" => {
                self.bump();
                self.hash(token.text == "jhash")?
            }
            "rt" if self.is_route_key(&second) => {
                self.bump();
                self.route()?
            }
            "exthdr" => {
                self.bump();
                self.exthdr_presence()?
            }
            "tcp" if second.is_word("option") => {
                self.bump();
                self.bump();
                self.tcp_option()?
            }
            "ip" if second.is_word("option") => {
                self.bump();
                self.bump();
                let (name, field) = self.named_field("an option", IP_OPTION_FIELDS)?;
                ExprKind::IpOption { name, field }
            }
            "sctp" if second.is_word("chunk") => {
                self.bump();
                self.bump();
                let (name, field) = self.named_field("a chunk", SCTP_FIELDS)?;
                ExprKind::SctpChunk { name, field }
            }
            "dccp" if second.is_word("option") => {
                self.bump();
                self.bump();
                ExprKind::DccpOption(self.small()?)
            }
            text if BARE.contains(&text) => {
                self.bump();
                symbols::meta(text).map_or(ExprKind::Word(text.into()), ExprKind::Meta)
            }
            text => match self.header_field(text, &second, &third)? {
                Some(kind) => kind,
                None => return Ok(None),
            },
        };
        Ok(Some(self.expr(kind, start)))
    }

    /// `tcp dport`, `arp saddr ip`, `frag id`, `vxlan ip saddr`.
    fn header_field(
        &mut self,
        name: &str,
        second: &Token<'a>,
        third: &Token<'a>,
    ) -> Parsed<Option<ExprKind>> {
        if second.kind != Kind::Word {
            return Ok(None);
        }
        if name == "arp" && third.kind == Kind::Word {
            let field = format!("{} {}", second.text, third.text);
            if let Some((protocol, field, _)) = symbols::payload(name, &field) {
                self.bump();
                self.bump();
                self.bump();
                return Ok(Some(field_of(protocol, field, None)));
            }
        }
        if let Some((protocol, field, _)) = symbols::payload(name, second.text) {
            self.bump();
            self.bump();
            return Ok(Some(field_of(protocol, field, None)));
        }
        if let Some(header) = symbols::extension_header(name)
            && let Some((field, _)) = symbols::extension_field(header, second.text)
        {
            self.bump();
            self.bump();
            return self.indexed(header, field).map(Some);
        }
        if let Some(tunnel) = symbols::tunnel(name)
            && let Some((protocol, field, _)) = symbols::payload(second.text, third.text)
        {
            self.bump();
            self.bump();
            self.bump();
            return Ok(Some(field_of(protocol, field, Some(tunnel))));
        }
        Ok(None)
    }

    /// `addr[1]`.
    fn indexed(&mut self, header: &'static str, field: &'static str) -> Parsed<ExprKind> {
        let mut offset = 0;
        if self.eat("[") {
            offset = self.small()?;
            self.expect("]")?;
        }
        Ok(ExprKind::Exthdr {
            header,
            field: Some(field),
            offset,
        })
    }

    fn keyword(&mut self, known: &[&'static str], what: &str) -> Parsed<&'static str> {
        match one_of(known, self.token.text) {
            Some(word) if self.token.kind == Kind::Word => {
                self.bump();
                Ok(word)
            }
            _ => Err(self.expected(&format!("{what} ({})", known.join(", ")))),
        }
    }

    fn meta(&mut self) -> Parsed<ExprKind> {
        match symbols::meta(self.token.text) {
            Some(key) if self.token.kind == Kind::Word => {
                self.bump();
                Ok(ExprKind::Meta(key))
            }
            _ => Err(self.expected("a key of `meta`")),
        }
    }

    fn ct(&mut self) -> Parsed<ExprKind> {
        let reply = match self.token.text {
            "original" => Some(false),
            "reply" => Some(true),
            _ => None,
        };
        if reply.is_some() {
            self.bump();
        }
        let family = self.address_family();
        let Some(key) = symbols::ct(self.token.text) else {
            return Err(self.expected("a key of `ct`"));
        };
        self.bump();
        Ok(ExprKind::Ct { key, reply, family })
    }

    /// `ip` or `ip6`, if it stands here.
    pub(super) fn address_family(&mut self) -> Option<Family> {
        let family = match self.token.text {
            "ip" => Family::Ip,
            "ip6" => Family::Ip6,
            _ => return None,
        };
        if self.token.kind != Kind::Word {
            return None;
        }
        self.bump();
        Some(family)
    }

    fn fib(&mut self) -> Parsed<ExprKind> {
        let known = ["saddr", "daddr", "mark", "iif", "oif"];
        let mut flags = vec![self.keyword(&known, "what to look up")?];
        while self.eat(".") {
            flags.push(self.keyword(&known, "what to look up")?);
        }
        flags.sort_by_key(|flag| known.iter().position(|word| word == flag));
        let result = self.keyword(&["oif", "oifname", "type", "check"], "the result")?;
        Ok(ExprKind::Fib { flags, result })
    }

    fn socket(&mut self) -> Parsed<ExprKind> {
        let key = self.keyword(&["transparent", "mark", "wildcard", "cgroupv2"], "a key")?;
        let mut level = None;
        if self.eat_word("level") {
            level = Some(self.small()?);
        }
        Ok(ExprKind::Socket { key, level })
    }

    fn osf(&mut self) -> Parsed<ExprKind> {
        let mut ttl = None;
        if self.eat_word("ttl") {
            ttl = Some(self.keyword(&["loose", "skip"], "how to compare")?);
        }
        let key = self.keyword(&["name", "version"], "a key")?;
        Ok(ExprKind::Osf { key, ttl })
    }

    fn ipsec(&mut self) -> Parsed<ExprKind> {
        let out = self.keyword(&["in", "out"], "a direction")? == "out";
        let mut spnum = 0;
        if self.eat_word("spnum") {
            spnum = self.small()?;
        }
        let family = self.address_family();
        let key = self.keyword(&["reqid", "spi", "saddr", "daddr"], "a key")?;
        Ok(ExprKind::Ipsec {
            key,
            out,
            spnum,
            family,
        })
    }

    fn is_route_key(&self, second: &Token<'a>) -> bool {
        matches!(
            second.text,
            "classid" | "nexthop" | "mtu" | "ipsec" | "ip" | "ip6"
        )
    }

    fn route(&mut self) -> Parsed<ExprKind> {
        let family = self.address_family();
        let key = self.keyword(&["classid", "nexthop", "mtu", "ipsec"], "a key")?;
        Ok(ExprKind::Rt { key, family })
    }

    fn numgen(&mut self) -> Parsed<ExprKind> {
        let mode = self.keyword(&["inc", "random"], "a mode")?;
        self.expect_word("mod")?;
        let modulus = self.number()?;
        let offset = self.offset()?;
        Ok(ExprKind::Numgen {
            mode,
            modulus,
            offset,
        })
    }

    fn offset(&mut self) -> Parsed<u64> {
        if self.eat_word("offset") {
            return self.number();
        }
        Ok(0)
    }

    fn hash(&mut self, jenkins: bool) -> Parsed<ExprKind> {
        let mut of = None;
        if jenkins {
            of = Some(Box::new(self.expression(Mode::Selectors)?));
        }
        self.expect_word("mod")?;
        let modulus = self.number()?;
        let mut seed = None;
        if self.eat_word("seed") {
            seed = Some(self.number()?);
        }
        let offset = self.offset()?;
        Ok(ExprKind::Hash {
            of,
            modulus,
            seed,
            offset,
        })
    }

    fn exthdr_presence(&mut self) -> Parsed<ExprKind> {
        let Some(header) = symbols::extension_header(self.token.text) else {
            return Err(self.expected("an extension header"));
        };
        self.bump();
        Ok(ExprKind::Exthdr {
            header,
            field: None,
            offset: 0,
        })
    }

    fn tcp_option(&mut self) -> Parsed<ExprKind> {
        if self.eat("@") {
            let number = self.small()?;
            self.expect(",")?;
            let offset = self.small()?;
            self.expect(",")?;
            let length = self.small()?;
            return Ok(ExprKind::RawTcpOption {
                number,
                offset,
                length,
            });
        }
        let (name, field) = self.named_field("an option", TCP_OPTION_FIELDS)?;
        let name = symbols::tcp_option(&name);
        // JSON has options without a name by their place: the kind is what presence looks at.
        if let (Ok(number), None | Some("kind")) = (name.parse(), field.as_deref()) {
            return Ok(ExprKind::RawTcpOption {
                number,
                offset: 0,
                length: 8,
            });
        }
        Ok(ExprKind::TcpOption {
            name: name.into(),
            field,
        })
    }

    /// A name and, if one of these stands behind it, a field.
    fn named_field(&mut self, what: &str, fields: &[&str]) -> Parsed<(Box<str>, Option<Box<str>>)> {
        if !matches!(self.token.kind, Kind::Word | Kind::Number) {
            return Err(self.expected(what));
        }
        let name = self.bump().text.into();
        let mut field = None;
        if self.token.kind == Kind::Word && fields.contains(&self.token.text) {
            field = Some(self.bump().text.into());
        }
        Ok((name, field))
    }
}

fn field_of(protocol: &'static str, field: &'static str, tunnel: Option<&'static str>) -> ExprKind {
    ExprKind::Payload {
        protocol,
        field,
        tunnel,
    }
}
