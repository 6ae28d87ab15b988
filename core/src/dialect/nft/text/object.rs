//! Stateful objects.

use super::super::symbols;
use super::super::syntax::{Aside, Counter, Family, Object, ObjectBody, ObjectKind, Synproxy};
use super::lexer::Kind;
use super::parser::{Name, Parsed, Parser};

/// What objects of conntrack say, each on a line of its own.
#[derive(Default)]
struct Conntrack {
    helper: Option<Box<str>>,
    protocol: Option<u8>,
    l3proto: Option<Family>,
    policy: Vec<(Box<str>, u64)>,
    dport: Option<u16>,
    timeout: Option<u64>,
    size: Option<u64>,
}

impl<'a> Parser<'a, '_> {
    /// Behind the kind and name: the block, or the content without one.
    pub(super) fn object(&mut self, kind: ObjectKind, name: &Name) -> Parsed<Object> {
        let mut object = Object {
            name: name.text.clone(),
            body: empty(kind),
            comment: Aside(None),
            handle: Aside(None),
            place: self.place(name.start, name.end),
        };
        if self.at_end() {
            return Ok(object);
        }
        if !self.token.is("{") {
            object.body = self.content(kind)?;
            return Ok(object);
        }
        let mut conntrack = Conntrack::default();
        let (unreadable, handle) = self.block(|parser| {
            if parser.eat_word("comment") {
                object.comment = Aside(Some(parser.string("a comment in quotes")?));
                return parser.end();
            }
            match kind {
                ObjectKind::CtHelper | ObjectKind::CtTimeout | ObjectKind::CtExpectation => {
                    parser.conntrack_part(&mut conntrack)?;
                }
                _ => object.body = parser.content(kind)?,
            }
            parser.end()
        })?;
        object.handle = Aside(handle);
        if let Some(body) = conntrack.body(kind) {
            object.body = body;
        }
        if let Some(first) = unreadable.into_iter().next() {
            object.body = ObjectBody::Unreadable(kind, first);
        }
        Ok(object)
    }

    fn content(&mut self, kind: ObjectKind) -> Parsed<ObjectBody> {
        Ok(match kind {
            ObjectKind::Counter => ObjectBody::Counter(self.counter()?),
            ObjectKind::Quota => ObjectBody::Quota(self.quota()?),
            ObjectKind::Limit => ObjectBody::Limit(self.limit()?),
            ObjectKind::Secmark => ObjectBody::Secmark(self.string("a context in quotes")?),
            ObjectKind::Synproxy => ObjectBody::Synproxy(self.synproxy()?),
            _ => {
                while !self.at_end() {
                    self.bump();
                }
                ObjectBody::Tunnel
            }
        })
    }

    fn conntrack_part(&mut self, into: &mut Conntrack) -> Parsed<()> {
        match self.bump().text {
            "type" => {
                into.helper = Some(self.string("a helper in quotes")?);
                if self.eat_word("protocol") {
                    into.protocol = Some(self.protocol()?);
                }
            }
            "protocol" => into.protocol = Some(self.protocol()?),
            "l3proto" => {
                let Some(family) = symbols::family(self.token.text) else {
                    return Err(self.expected("a family"));
                };
                self.bump();
                into.l3proto = Some(family);
            }
            "dport" => into.dport = Some(self.small()?),
            "timeout" => into.timeout = Some(self.duration()?),
            "size" => into.size = Some(self.number()?),
            "policy" => self.timeouts(into)?,
            _ => return Err(self.expected("a property of this kind of object")),
        }
        Ok(())
    }

    fn protocol(&mut self) -> Parsed<u8> {
        if self.token.kind == Kind::Number {
            return self.small();
        }
        let Some(protocol) = symbols::protocol(self.token.text) else {
            return Err(self.expected("a protocol"));
        };
        self.bump();
        Ok(protocol)
    }

    /// `policy = { established : 2m, close : 20 }`.
    fn timeouts(&mut self, into: &mut Conntrack) -> Parsed<()> {
        self.expect("=")?;
        self.expect("{")?;
        loop {
            self.newlines();
            if self.eat("}") {
                return Ok(());
            }
            let state = self.string("a state")?;
            self.expect(":")?;
            let seconds = self.duration()? / 1000;
            into.policy
                .push((state.to_ascii_lowercase().into(), seconds));
            self.newlines();
            if !self.eat(",") && !self.token.is("}") {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }
}

impl Conntrack {
    fn body(self, kind: ObjectKind) -> Option<ObjectBody> {
        Some(match kind {
            ObjectKind::CtHelper => ObjectBody::CtHelper {
                helper: self.helper.unwrap_or_default(),
                protocol: self.protocol,
                l3proto: self.l3proto,
            },
            ObjectKind::CtTimeout => ObjectBody::CtTimeout {
                protocol: self.protocol,
                l3proto: self.l3proto,
                policy: self.policy,
            },
            ObjectKind::CtExpectation => ObjectBody::CtExpectation {
                protocol: self.protocol,
                l3proto: self.l3proto,
                dport: self.dport,
                timeout: self.timeout,
                size: self.size,
            },
            _ => return None,
        })
    }
}

/// An object of which nothing is said.
fn empty(kind: ObjectKind) -> ObjectBody {
    match kind {
        ObjectKind::Counter => ObjectBody::Counter(Counter::default()),
        ObjectKind::Synproxy => ObjectBody::Synproxy(Synproxy::default()),
        ObjectKind::Tunnel => ObjectBody::Tunnel,
        ObjectKind::CtHelper | ObjectKind::CtTimeout | ObjectKind::CtExpectation => {
            Conntrack::default()
                .body(kind)
                .unwrap_or(ObjectBody::Tunnel)
        }
        _ => ObjectBody::Tunnel,
    }
}
