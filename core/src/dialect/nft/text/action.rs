//! Statements that count, limit, log, refuse, translate or hand on.

use super::super::symbols;
use super::super::syntax::{
    Counter, Expr, Limit, Log, Nat, NatKind, ObjectKind, Quota, Reject, StatementKind, Synproxy,
};
use super::expression::Mode;
use super::lexer::Kind;
use super::parser::{Parsed, Parser};

impl<'a> Parser<'a, '_> {
    /// The statement that this word begins, if it begins one.
    pub(super) fn action(&mut self, word: &str) -> Parsed<Option<StatementKind>> {
        let kind = match word {
            "counter" => ObjectKind::Counter,
            "limit" => ObjectKind::Limit,
            "quota" => ObjectKind::Quota,
            "synproxy" => ObjectKind::Synproxy,
            _ => return self.other_action(word),
        };
        self.bump();
        let named = self.token.is_word("name");
        if named || kind == ObjectKind::Counter && self.token.kind == Kind::Quoted {
            self.eat_word("name");
            let name = self.expression(Mode::Selectors)?;
            return Ok(Some(StatementKind::UseObject { kind, name }));
        }
        Ok(Some(match kind {
            ObjectKind::Counter => StatementKind::Counter(self.counter()?),
            ObjectKind::Limit => StatementKind::Limit(self.limit()?),
            ObjectKind::Quota => StatementKind::Quota(self.quota()?),
            _ => StatementKind::Synproxy(self.synproxy()?),
        }))
    }

    fn other_action(&mut self, word: &str) -> Parsed<Option<StatementKind>> {
        let read = match word {
            "log" => Self::log,
            "reject" => Self::reject,
            "queue" => Self::queue,
            "tproxy" => Self::tproxy,
            "dup" => Self::dup,
            "fwd" => Self::fwd,
            "last" => Self::last,
            "snat" => |parser: &mut Self| parser.nat(NatKind::Snat),
            "dnat" => |parser: &mut Self| parser.nat(NatKind::Dnat),
            "masquerade" => |parser: &mut Self| parser.nat(NatKind::Masquerade),
            "redirect" => |parser: &mut Self| parser.nat(NatKind::Redirect),
            _ => return Ok(None),
        };
        self.bump();
        read(self).map(Some)
    }

    /// Behind `counter`: `packets N bytes N`.
    pub(super) fn counter(&mut self) -> Parsed<Counter> {
        let mut counter = Counter::default();
        if self.eat_word("packets") {
            counter.packets = Some(self.number()?);
            self.newlines_before("bytes");
            self.expect_word("bytes")?;
            counter.bytes = Some(self.number()?);
        }
        Ok(counter)
    }

    /// Behind `limit`: `rate [over] 5/second [burst 7 packets]`.
    pub(super) fn limit(&mut self) -> Parsed<Limit> {
        self.expect_word("rate")?;
        let over = self.eat_word("over");
        if !over {
            self.eat_word("until");
        }
        let (rate, unit) = self.amount()?;
        self.expect("/")?;
        let Some(per) = symbols::period(self.token.text) else {
            return Err(self.expected("`second`, `minute`, `hour`, `day` or `week`"));
        };
        self.bump();
        let mut burst = None;
        if self.eat_word("burst") {
            let (number, scale) = self.amount()?;
            if scale.is_none() {
                self.eat_word("packets");
            }
            burst = Some(number);
        }
        Ok(Limit {
            rate,
            per,
            burst,
            bytes: unit.is_some(),
            over,
        })
    }

    /// `5`, `5 mbytes`, `5mbytes` or `5 mbytes/second`'s first part: the number, in bytes if a
    /// unit of bytes follows, and that unit's size.
    fn amount(&mut self) -> Parsed<(u64, Option<u64>)> {
        let token = self.token;
        let too_large = || Self::fault(&token, format!("`{}` is too large", token.text));
        let (number, unit) = if token.kind == Kind::Number {
            let number = self.number()?;
            let word = self.token.text.split('/').next().unwrap_or("");
            (
                number,
                symbols::byte_unit(word).filter(|_| self.token.kind == Kind::Word),
            )
        } else {
            let digits = token.text.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = token.text.split_at(digits);
            let word = rest.split('/').next().unwrap_or("");
            let Some(unit) = symbols::byte_unit(word).filter(|_| digits > 0) else {
                return Err(self.expected("a number"));
            };
            let number = number.parse().map_err(|_| too_large())?;
            (number, Some(unit))
        };
        let Some(scale) = unit else {
            return Ok((number, None));
        };
        // A word takes `/second` with it.
        self.split_word_at_slash();
        let bytes = number.checked_mul(scale).ok_or_else(too_large)?;
        Ok((bytes, Some(scale)))
    }

    /// Behind `quota`: `[over] N UNIT [used N UNIT]`.
    pub(super) fn quota(&mut self) -> Parsed<Quota> {
        let over = self.eat_word("over");
        if !over {
            self.eat_word("until");
        }
        let (bytes, _) = self.amount()?;
        let mut used = 0;
        self.newlines_before("used");
        if self.eat_word("used") {
            used = self.amount()?.0;
        }
        Ok(Quota { bytes, used, over })
    }

    fn log(&mut self) -> Parsed<StatementKind> {
        let mut log = Log::default();
        while self.token.kind == Kind::Word {
            match self.token.text {
                "prefix" => {
                    self.bump();
                    log.prefix = Some(self.string("a prefix in quotes")?);
                }
                "level" => {
                    self.bump();
                    log.level = Some(self.string("a level")?);
                }
                "group" => {
                    self.bump();
                    log.group = Some(self.small()?);
                }
                "snaplen" => {
                    self.bump();
                    log.snaplen = Some(self.small()?);
                }
                "queue-threshold" => {
                    self.bump();
                    log.queue_threshold = Some(self.small()?);
                }
                "flags" => {
                    self.bump();
                    self.log_flags(&mut log.flags)?;
                }
                _ => break,
            }
        }
        Ok(StatementKind::Log(log))
    }

    fn log_flags(&mut self, flags: &mut Vec<Box<str>>) -> Parsed<()> {
        match self.token.text {
            "all" | "skuid" | "ether" => flags.push(self.bump().text.into()),
            layer @ ("tcp" | "ip") => {
                self.bump();
                loop {
                    let part = self.string("`options` or `sequence`")?;
                    flags.push(format!("{layer} {part}").into());
                    if !self.eat(",") {
                        break;
                    }
                }
            }
            _ => return Err(self.expected("`all`, `tcp`, `ip`, `skuid` or `ether`")),
        }
        Ok(())
    }

    fn reject(&mut self) -> Parsed<StatementKind> {
        if !self.eat_word("with") {
            return Ok(StatementKind::Reject(Reject::Default));
        }
        let protocol = self.bump();
        if protocol.is_word("tcp") {
            self.expect_word("reset")?;
            return Ok(StatementKind::Reject(Reject::TcpReset));
        }
        self.eat_word("type");
        let code = self.token;
        let kind = match protocol.text {
            "icmp" => "icmp_code",
            "icmpv6" => "icmpv6_code",
            "icmpx" => "icmpx_code",
            _ => {
                return Err(Self::fault(
                    &protocol,
                    format!(
                        "expected `icmp`, `icmpv6`, `icmpx` or `tcp reset`, found {}",
                        protocol.describe()
                    ),
                ));
            }
        };
        let number = match code.kind {
            Kind::Number => Some(self.small()?),
            Kind::Word => {
                self.bump();
                symbols::number(kind, code.text).and_then(|n| u8::try_from(n).ok())
            }
            _ => None,
        };
        let number = number.ok_or_else(|| {
            Self::fault(
                &code,
                format!(
                    "expected a code of `{}`, found {}",
                    protocol.text,
                    code.describe()
                ),
            )
        })?;
        Ok(StatementKind::Reject(match protocol.text {
            "icmp" => Reject::Icmp(number),
            "icmpv6" => Reject::Icmpv6(number),
            _ => Reject::Icmpx(number),
        }))
    }

    fn queue(&mut self) -> Parsed<StatementKind> {
        let (mut bypass, mut fanout) = (false, false);
        let mut number = None;
        if self.eat_word("flags") {
            self.queue_flags(&mut bypass, &mut fanout)?;
        }
        if self.eat_word("num") {
            number = Some(self.expression(Mode::Constants)?);
        } else if self.eat_word("to") {
            number = Some(self.expression(Mode::Selectors)?);
        }
        if matches!(self.token.text, "bypass" | "fanout") && self.token.kind == Kind::Word {
            self.queue_flags(&mut bypass, &mut fanout)?;
        }
        Ok(StatementKind::Queue {
            number,
            bypass,
            fanout,
        })
    }

    fn queue_flags(&mut self, bypass: &mut bool, fanout: &mut bool) -> Parsed<()> {
        loop {
            match self.token.text {
                "bypass" => *bypass = true,
                "fanout" => *fanout = true,
                _ => return Err(self.expected("`bypass` or `fanout`")),
            }
            self.bump();
            if !self.eat(",") {
                return Ok(());
            }
        }
    }

    /// Behind `snat`, `dnat`, `masquerade` or `redirect`.
    fn nat(&mut self, kind: NatKind) -> Parsed<StatementKind> {
        let mut nat = Nat {
            kind,
            family: None,
            address: None,
            port: None,
            flags: Vec::new(),
            prefix: false,
            concat: false,
        };
        let second = self.second();
        if matches!(second.text, "to" | "addr" | "prefix" | "interval") {
            nat.family = self.address_family();
        }
        if self.token.is_word("addr") {
            self.bump();
            self.expect(".")?;
            self.expect_word("port")?;
            nat.concat = true;
        }
        nat.prefix = self.eat_word("prefix");
        self.eat_word("interval");
        // Older files leave `to` out.
        let bare = matches!(kind, NatKind::Snat | NatKind::Dnat) && !self.at_end();
        if self.eat_word("to") || bare {
            self.nat_target(&mut nat)?;
        } else if nat.family.is_some() || nat.concat || nat.prefix {
            return Err(self.expected("`to`"));
        }
        while self.token.kind == Kind::Word
            && matches!(self.token.text, "random" | "fully-random" | "persistent")
        {
            nat.flags.push(self.bump().text.into());
            self.eat(",");
        }
        Ok(StatementKind::Nat(nat))
    }

    /// `ADDRESS`, `ADDRESS:PORT` or `:PORT`.
    fn nat_target(&mut self, nat: &mut Nat) -> Parsed<()> {
        if !self.token.is(":") {
            let value = self.expression(Mode::Selectors)?;
            if nat.kind == NatKind::Redirect || nat.kind == NatKind::Masquerade {
                nat.port = Some(value);
                return Ok(());
            }
            nat.address = Some(value);
        }
        if self.eat(":") {
            nat.port = Some(self.expression(Mode::Selectors)?);
        }
        Ok(())
    }

    fn tproxy(&mut self) -> Parsed<StatementKind> {
        let family = self.address_family();
        self.expect_word("to")?;
        let mut address = None;
        let mut port = None;
        if !self.token.is(":") {
            address = Some(self.expression(Mode::Selectors)?);
        }
        if self.eat(":") {
            port = Some(self.expression(Mode::Selectors)?);
        }
        Ok(StatementKind::Tproxy {
            family,
            address,
            port,
        })
    }

    fn dup(&mut self) -> Parsed<StatementKind> {
        self.expect_word("to")?;
        let to = self.expression(Mode::Selectors)?;
        let device = self.device()?;
        Ok(StatementKind::Dup { to, device })
    }

    fn device(&mut self) -> Parsed<Option<Expr>> {
        if self.eat_word("device") {
            return self.expression(Mode::Selectors).map(Some);
        }
        Ok(None)
    }

    fn fwd(&mut self) -> Parsed<StatementKind> {
        let family = self.address_family();
        self.expect_word("to")?;
        let first = self.expression(Mode::Selectors)?;
        let (device, address) = match self.device()? {
            Some(device) => (device, Some(first)),
            None => (first, None),
        };
        Ok(StatementKind::Fwd {
            device,
            address,
            family,
        })
    }

    /// Behind `last`: `used never`, `used 3s`, `used 3s ago`.
    fn last(&mut self) -> Parsed<StatementKind> {
        if self.eat_word("used") && !self.eat_word("never") {
            self.duration()?;
            self.eat_word("ago");
        }
        Ok(StatementKind::Last)
    }

    /// Behind `synproxy`, or in an object of that kind.
    pub(super) fn synproxy(&mut self) -> Parsed<Synproxy> {
        let mut synproxy = Synproxy::default();
        loop {
            for word in ["mss", "wscale", "timestamp", "sack-perm"] {
                self.newlines_before(word);
            }
            match self.token.text {
                "mss" => {
                    self.bump();
                    synproxy.mss = Some(self.small()?);
                }
                "wscale" => {
                    self.bump();
                    synproxy.wscale = Some(self.small()?);
                }
                "timestamp" => {
                    self.bump();
                    synproxy.timestamp = true;
                }
                "sack-perm" => {
                    self.bump();
                    synproxy.sack_perm = true;
                }
                _ => return Ok(synproxy),
            }
        }
    }
}
