//! The syntax tree of an nftables ruleset, the same for both of its notations.
//!
//! `nft list ruleset` (and hand-written files of that language) and `nft -j list ruleset` are read
//! into this tree. Texts of one ruleset in either notation give trees that are equal (`==`):
//! what only one notation knows, above all places, is an [`Aside`] and does not take part.
//!
//! Readers resolve what the language leaves to context, so that a lowering need not:
//! - variables (`define`), commands (`add rule …`, `flush …`) and repeated tables are carried out;
//! - names that stand for fixed numbers (`established`, `ssh`, `echo-request`, `syn`, `cs1`) are
//!   numbers ([`ExprKind::Number`]); names that only the host knows (interfaces, users, marks of
//!   `/etc/iproute2/rt_marks`) stay [`ExprKind::Word`];
//! - `|`, `&`, `^`, `<<`, `>>` of numbers are computed;
//! - the operator that a match without one means is filled in ([`Op::In`] or [`Op::Eq`]).

use crate::source::Span;
use std::net::IpAddr;

/// Something that does not take part in comparison, because only one notation knows it.
#[derive(Debug, Clone, Copy)]
pub struct Aside<T>(pub T);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Aside<T> {}

/// Where a node stands in its text.
pub type Place = Aside<Span>;

/// The kernel's number of an object; unique in its table. JSON has it, text only with `nft -a`.
pub type Handle = Aside<Option<u64>>;

/// A ruleset after all commands of its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// In the order in which they were made. A family and name occur once.
    pub tables: Vec<Table>,
    /// What stands outside all tables and could not be read or followed (`include`, rules of chains
    /// that are not here): whatever the tables say may be incomplete.
    pub unreadable: Vec<Unreadable>,
}

/// A part of the text that was not understood; a diagnostic says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What was expected, lower case without a full stop.
    pub message: Aside<Box<str>>,
    /// Where.
    pub place: Place,
}

/// Address family of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// IPv4 and IPv6.
    Inet,
    /// ARP.
    Arp,
    /// Frames that cross a bridge.
    Bridge,
    /// Frames of one device (ingress, egress).
    Netdev,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its family; tables of different families may share a name.
    pub family: Family,
    /// Its name.
    pub name: Box<str>,
    /// `flags dormant`: its chains are not registered, nothing of it is evaluated.
    pub dormant: bool,
    /// `flags owner`: it goes with the process that made it.
    pub owner: bool,
    /// `flags persist`: it stays when its owner ends.
    pub persist: bool,
    /// Its comment. JSON of older versions leaves it out.
    pub comment: Aside<Option<Box<str>>>,
    /// Kernel handle.
    pub handle: Handle,
    /// Chains in the order in which they were made.
    pub chains: Vec<Chain>,
    /// Named sets and maps.
    pub sets: Vec<Set>,
    /// Named stateful objects.
    pub objects: Vec<Object>,
    /// Flowtables.
    pub flowtables: Vec<Flowtable>,
    /// Parts of the table that were not understood.
    pub unreadable: Vec<Unreadable>,
    /// Its first mention.
    pub place: Place,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name, unique in its table.
    pub name: Box<str>,
    /// Where the kernel calls it; none for a chain that is only jumped to.
    pub base: Option<Base>,
    /// `flags offload`.
    pub offload: bool,
    /// Its comment. JSON of older versions leaves it out.
    pub comment: Aside<Option<Box<str>>>,
    /// Kernel handle.
    pub handle: Handle,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Parts of its head that were not understood. When not empty, `base` may be wrong or
    /// missing: the chain may be called from anywhere.
    pub unreadable: Vec<Unreadable>,
    /// Its first mention (its name).
    pub place: Place,
}

/// What makes a chain a base chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Type.
    pub kind: ChainKind,
    /// Hook.
    pub hook: Hook,
    /// Devices of ingress and egress hooks; may end in `*`. Empty elsewhere, and in JSON of older
    /// versions, which leave them out: then the device is not known.
    pub devices: Vec<Box<str>>,
    /// Lower runs first. Named priorities are resolved for the table's family.
    pub priority: i32,
    /// Verdict for packets that reach the chain's end; accept when unsaid.
    pub policy: Policy,
    /// The line `type … hook … priority …`.
    pub place: Place,
}

/// Type of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// `filter`.
    Filter,
    /// `nat`: sees the first packet of a connection only.
    Nat,
    /// `route`: routes again after a change.
    Route,
}

/// Netfilter hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Before everything else, on one device.
    Ingress,
    /// Before routing.
    Prerouting,
    /// To this host.
    Input,
    /// Through this host.
    Forward,
    /// From this host.
    Output,
    /// After routing.
    Postrouting,
    /// After everything else, on one device.
    Egress,
}

/// Policy of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Let through.
    #[default]
    Accept,
    /// Discard.
    Drop,
}

/// A rule: statements carried out in order until a match fails or a verdict is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// In order. A rule that could not be read ends in [`StatementKind::Unreadable`]; what
    /// stands before it was understood.
    pub statements: Vec<Statement>,
    /// Its comment.
    pub comment: Option<Box<str>>,
    /// Kernel handle.
    pub handle: Handle,
    /// The whole rule without its comment sign and handle.
    pub place: Place,
}

/// One statement of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Where.
    pub place: Place,
}

/// Kinds of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// The rule goes on only if the comparison holds. A selector also implies its protocol: in
    /// an `inet` table `ip saddr …` holds for IPv4 only, `tcp dport …` for TCP only.
    Match {
        /// What is looked at.
        left: Expr,
        /// How it is compared.
        op: Op,
        /// What with: a value, range, prefix, list, set or set reference.
        right: Expr,
    },
    /// A verdict.
    Verdict(Verdict),
    /// `KEY vmap { VALUE : VERDICT, … }` or `KEY vmap @map`. Without a matching element the rule
    /// goes on with its next statement.
    Vmap {
        /// What is looked up.
        key: Expr,
        /// [`ExprKind::Set`] whose elements have verdicts as data, or [`ExprKind::SetRef`].
        data: Expr,
    },
    /// `counter [packets N bytes N]`.
    Counter(Counter),
    /// `limit rate …`: goes on while the rate is below the limit (above it with `over`).
    Limit(Limit),
    /// `quota …`: goes on while below the quota (above it with `over`).
    Quota(Quota),
    /// `last [used …]`: remembers when it was reached; always goes on.
    Last,
    /// `ct count [over] N`: goes on while there are at most N connections (more with `over`).
    CtCount {
        /// Connections.
        count: u64,
        /// `over`.
        over: bool,
    },
    /// A named object is used: `counter name x`, `limit name x`, `ct helper set "x"`, … The name
    /// may be a map of names.
    UseObject {
        /// Kind of object.
        kind: ObjectKind,
        /// [`ExprKind::Word`], or a map from something to names.
        name: Expr,
    },
    /// `log …`.
    Log(Log),
    /// `reject …`: ends the rule (drop and answer), if the packet is of the right protocol.
    Reject(Reject),
    /// `KEY set VALUE`: changes a header field, a mark, a conntrack property.
    Mangle {
        /// What is changed.
        key: Expr,
        /// The new value.
        value: Expr,
    },
    /// `reset tcp option x`: the option is removed from the packet.
    ResetTcpOption(Expr),
    /// `snat`, `dnat`, `masquerade`, `redirect`: end the chain (accept) with a translation.
    Nat(Nat),
    /// `tproxy …`: goes on with the socket assigned.
    Tproxy {
        /// `ip` or `ip6` when said.
        family: Option<Family>,
        /// Address.
        address: Option<Expr>,
        /// Port.
        port: Option<Expr>,
    },
    /// `notrack`.
    Notrack,
    /// `queue …`: hands the packet to a program; ends the rule.
    Queue {
        /// Queue number, range, or an expression that gives it; 0 when unsaid.
        number: Option<Expr>,
        /// `bypass`: accept when nobody listens.
        bypass: bool,
        /// `fanout`.
        fanout: bool,
    },
    /// `dup to ADDRESS [device DEV]`: sends a copy; goes on.
    Dup {
        /// Where the copy goes; in netdev tables a device.
        to: Expr,
        /// Through which device.
        device: Option<Expr>,
    },
    /// `fwd …`: hands the frame to a device; ends the rule.
    Fwd {
        /// The device.
        device: Expr,
        /// Next hop.
        address: Option<Expr>,
        /// Family of the next hop.
        family: Option<Family>,
    },
    /// `flow add @x`, `flow offload @x`.
    FlowOffload(Box<str>),
    /// `synproxy …`.
    Synproxy(Synproxy),
    /// `add @set { … }`, `update @set { … }`, `delete @set { … }`, for maps too. Goes on unless
    /// the set is full (add, update) or a statement inside does not go on.
    SetUpdate {
        /// What is done.
        op: SetOp,
        /// The set's name.
        set: Box<str>,
        /// The key (with timeout, comment) and, for maps, the data.
        element: Box<Element>,
        /// Statements done for the element: they may stop the rule (`limit`, `ct count`).
        statements: Vec<Statement>,
    },
    /// `meter x { KEY STATEMENT }`: a set update in older notation.
    Meter {
        /// Its name.
        name: Box<str>,
        /// Elements at most.
        size: Option<u64>,
        /// The key.
        key: Box<Element>,
        /// Statements done for the element.
        statements: Vec<Statement>,
    },
    /// An iptables extension inside an nftables rule. What it does is not said.
    Xt(Xt),
    /// The rest of the rule was not understood.
    Unreadable(Unreadable),
}

/// Comparison of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `==`, also with a set, range or prefix on the right: is one of them. The readers also fill
    /// it in where nothing is written and the type of the left side is not a bit mask.
    Eq,
    /// `!=`: is none of them. Flags such as `established,related` on the right are one number
    /// here: the value differs from it.
    Ne,
    /// `<`.
    Lt,
    /// `>`.
    Gt,
    /// `<=`.
    Le,
    /// `>=`.
    Ge,
    /// Nothing is written and the type of the left side is a bit mask (`ct state`, `tcp flags`,
    /// `ct status`, …): at least one of the bits on the right is set.
    In,
    /// `!` before flags (`tcp flags ! syn`): none of the bits on the right is set.
    NotIn,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ends this base chain.
    Accept,
    /// Ends everything.
    Drop,
    /// Goes on with the next rule.
    Continue,
    /// Back to the calling chain.
    Return,
    /// Calls a chain.
    Jump(Target),
    /// Goes to a chain and does not come back.
    Goto(Target),
    /// `queue` as an element of a verdict map.
    Queue,
}

/// Where a jump goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A chain of the same table.
    Chain(Box<str>),
    /// `jump { … }`: rules in place.
    Rules(Vec<Rule>),
}

/// Values of a counter when the text was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counter {
    /// Packets; none when not said.
    pub packets: Option<u64>,
    /// Bytes; none when not said.
    pub bytes: Option<u64>,
}

/// A rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Packets or bytes per period.
    pub rate: u64,
    /// `second`, `minute`, `hour`, `day`, `week`.
    pub per: &'static str,
    /// Allowed above the rate at once, in packets (5 when unsaid) or bytes (none when unsaid).
    pub burst: Option<u64>,
    /// Counts bytes, not packets.
    pub bytes: bool,
    /// `over`: matches what exceeds the rate.
    pub over: bool,
}

/// A quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Bytes.
    pub bytes: u64,
    /// Used when the text was made, in bytes.
    pub used: u64,
    /// `over`: matches after the quota is spent.
    pub over: bool,
}

/// What is logged, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// `prefix "…"`.
    pub prefix: Option<Box<str>>,
    /// `level …`.
    pub level: Option<Box<str>>,
    /// `group N`.
    pub group: Option<u16>,
    /// `snaplen N`.
    pub snaplen: Option<u32>,
    /// `queue-threshold N`.
    pub queue_threshold: Option<u32>,
    /// `flags …`, sorted.
    pub flags: Vec<Box<str>>,
}

/// How a packet is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reject {
    /// `reject`, or what it stands for: port unreachable of the packet's own family.
    Default,
    /// `with tcp reset`: TCP only.
    TcpReset,
    /// `with icmp X`: IPv4 only.
    Icmp(u8),
    /// `with icmpv6 X`: IPv6 only.
    Icmpv6(u8),
    /// `with icmpx X`: both; a code of the abstract list (0 no-route, 1 port-unreachable,
    /// 2 host-unreachable, 3 admin-prohibited).
    Icmpx(u8),
}

/// A translation of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// `ip` or `ip6` in tables of both families, when said.
    pub family: Option<Family>,
    /// Address, range, prefix, or a map that gives one (`ADDRESS . PORT` maps with `concat`).
    pub address: Option<Expr>,
    /// Port, range, or a map that gives one.
    pub port: Option<Expr>,
    /// `random`, `fully-random`, `persistent`, sorted.
    pub flags: Vec<Box<str>>,
    /// `prefix`: network to network (`dnat prefix to …`, `ip prefix to …`).
    pub prefix: bool,
    /// `addr . port`: the map in `address` gives address and port.
    pub concat: bool,
}

/// Kinds of translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatKind {
    /// Source.
    Snat,
    /// Destination.
    Dnat,
    /// Source, to the address of the outgoing interface.
    Masquerade,
    /// Destination, to this host.
    Redirect,
}

/// What a rule does to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOp {
    /// Add.
    Add,
    /// Add, or begin its time again.
    Update,
    /// Remove.
    Delete,
}

/// An iptables extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xt {
    /// `match`, `target` or `watcher`; none when the notation does not say.
    pub kind: Aside<Option<Box<str>>>,
    /// Name of the extension; none when the notation does not say.
    pub name: Aside<Option<Box<str>>>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub place: Place,
}

/// Kinds of expressions. Names in `&'static str` are nft's own (`nft describe`, nft(8)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprKind {
    /// A number in the unit of the field it is compared with (durations in milliseconds).
    /// Fields of IPv4 and IPv6 addresses are [`ExprKind::Address`].
    Number(u128),
    /// A name or string: an interface (a `*` at the end matches any rest, `\\*` is an asterisk), a
    /// helper, a user, or a name that is not known.
    Word(Box<str>),
    /// An address.
    Address(IpAddr),
    /// A link-layer address.
    Mac([u8; 6]),
    /// `exists` (true) or `missing` (false).
    Exists(bool),
    /// `VALUE/length`.
    Prefix {
        /// Usually an address.
        value: Box<Expr>,
        /// Bits.
        length: u8,
    },
    /// `LOW-HIGH`, both ends included.
    Range(Box<Expr>, Box<Expr>),
    /// `*`: the element that catches what no other element does; also any part of a key.
    Any,
    /// `meta KEY` (also written without `meta`).
    Meta(&'static str),
    /// `ct [DIRECTION] [ip|ip6] KEY`.
    Ct {
        /// For example `state`, `mark`, `saddr`, `proto-dst`.
        key: &'static str,
        /// `original` (false) or `reply` (true).
        reply: Option<bool>,
        /// Family of an address.
        family: Option<Family>,
    },
    /// `PROTOCOL FIELD`, for example `ip saddr`, `tcp dport`, `th dport`.
    Payload {
        /// Protocol.
        protocol: &'static str,
        /// Field.
        field: &'static str,
        /// `vxlan`, `gre`, … when the field is in the packet inside that tunnel.
        tunnel: Option<&'static str>,
    },
    /// `@BASE,offset,length`.
    RawPayload {
        /// `ll`, `nh`, `th` or `ih`.
        base: &'static str,
        /// Bits from the beginning of the header.
        offset: u32,
        /// Bits.
        length: u32,
    },
    /// An IPv6 extension header: `hbh`, `rt`, `rt0`, `rt2`, `srh`, `frag`, `dst`, `mh`.
    Exthdr {
        /// Header.
        header: &'static str,
        /// Field; none where only its presence is asked (compared with [`ExprKind::Exists`]).
        field: Option<&'static str>,
        /// `rt[N]` style index.
        offset: u32,
    },
    /// `tcp option NAME [FIELD]`.
    TcpOption {
        /// Name, or number as text.
        name: Box<str>,
        /// Field; none where only presence is asked.
        field: Option<Box<str>>,
    },
    /// `tcp option @number,offset,length`. Compared with [`ExprKind::Exists`]: whether there is
    /// such an option.
    RawTcpOption {
        /// Option number.
        number: u32,
        /// Bits.
        offset: u32,
        /// Bits.
        length: u32,
    },
    /// `ip option NAME [FIELD]`.
    IpOption {
        /// Name.
        name: Box<str>,
        /// Field; none where only presence is asked.
        field: Option<Box<str>>,
    },
    /// `sctp chunk NAME [FIELD]`.
    SctpChunk {
        /// Name.
        name: Box<str>,
        /// Field; none where only presence is asked.
        field: Option<Box<str>>,
    },
    /// `dccp option N`.
    DccpOption(u32),
    /// `fib KEYS RESULT`.
    Fib {
        /// `saddr`, `daddr`, `mark`, `iif`, `oif`, in the order of nft(8)'s list.
        flags: Vec<&'static str>,
        /// `oif`, `oifname`, `type`, or `check` (result compared with exists/missing).
        result: &'static str,
    },
    /// `rt [ip|ip6] KEY`: `classid`, `nexthop`, `mtu`, `ipsec`.
    Rt {
        /// Key.
        key: &'static str,
        /// Family of `nexthop`.
        family: Option<Family>,
    },
    /// `socket KEY`: `transparent`, `mark`, `wildcard`, `cgroupv2`.
    Socket {
        /// Key.
        key: &'static str,
        /// Level of `cgroupv2`.
        level: Option<u32>,
    },
    /// `osf [ttl X] KEY`.
    Osf {
        /// `name` or `version`.
        key: &'static str,
        /// `loose` or `skip`.
        ttl: Option<&'static str>,
    },
    /// `ipsec DIRECTION [spnum N] KEY`.
    Ipsec {
        /// `reqid`, `spi`, `saddr`, `daddr`.
        key: &'static str,
        /// `in` (false) or `out` (true).
        out: bool,
        /// Index of the policy.
        spnum: u32,
        /// Family of an address.
        family: Option<Family>,
    },
    /// `numgen inc|random mod N [offset N]`.
    Numgen {
        /// `inc` or `random`.
        mode: &'static str,
        /// Modulus.
        modulus: u64,
        /// Added.
        offset: u64,
    },
    /// `jhash EXPR mod N [seed N] [offset N]`, or `symhash mod N [offset N]` without expression.
    Hash {
        /// What is hashed; none for `symhash`.
        of: Option<Box<Expr>>,
        /// Modulus.
        modulus: u64,
        /// Seed, when said.
        seed: Option<u64>,
        /// Added.
        offset: u64,
    },
    /// A computation on something that is no number.
    Binary {
        /// Operator.
        op: BinaryOp,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// `a,b,c`: bits of a mask, of which one at least is no number; else they are united in one
    /// [`ExprKind::Number`].
    List(Vec<Expr>),
    /// `a . b . c`.
    Concat(Vec<Expr>),
    /// `{ … }`: an anonymous set or map.
    Set(Vec<Element>),
    /// `@name`.
    SetRef(Box<str>),
    /// `KEY map { … }` or `KEY map @m`: the data of the element that fits the key.
    Map {
        /// What is looked up.
        key: Box<Expr>,
        /// [`ExprKind::Set`] with data, or [`ExprKind::SetRef`].
        data: Box<Expr>,
    },
    /// A verdict, as data of a map.
    Verdict(Verdict),
    /// Not understood.
    Unreadable(Unreadable),
}

/// Operators on values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `&`.
    And,
    /// `|`.
    Or,
    /// `^`.
    Xor,
    /// `<<`.
    ShiftLeft,
    /// `>>`.
    ShiftRight,
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// A value, range, prefix, concatenation, or [`ExprKind::Any`].
    pub key: Expr,
    /// What a map gives for it.
    pub data: Option<Expr>,
    /// Lives so long, in milliseconds.
    pub timeout: Option<u64>,
    /// Lives so long yet, in milliseconds (whole seconds in JSON).
    pub expires: Aside<Option<u64>>,
    /// Its comment.
    pub comment: Option<Box<str>>,
    /// Its own counter, limit, …: a `limit` or `ct count` may make a lookup fail.
    pub statements: Vec<Statement>,
    /// Where.
    pub place: Place,
}

/// A named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: Box<str>,
    /// Types of the key's parts (`ipv4_addr`, `inet_service`, …); those of `typeof` are derived
    /// from its expression. A part whose type is not known is `unknown`.
    pub key: Vec<Box<str>>,
    /// The expression of `typeof`, where text says so.
    pub key_of: Aside<Option<Expr>>,
    /// Some for maps: what the elements give.
    pub data: Option<SetData>,
    /// Elements are intervals.
    pub interval: bool,
    /// Elements cannot change after they are bound.
    pub constant: bool,
    /// Rules add elements. JSON of older versions leaves it out.
    pub dynamic: Aside<bool>,
    /// Elements may expire.
    pub has_timeout: bool,
    /// Adjacent intervals are merged. JSON of older versions leaves it out.
    pub auto_merge: Aside<bool>,
    /// Default timeout of elements in milliseconds.
    pub timeout: Option<u64>,
    /// Interval of removal of expired elements in milliseconds.
    pub gc_interval: Option<u64>,
    /// Elements at most.
    pub size: Option<u64>,
    /// `policy memory`: saves memory.
    pub memory: bool,
    /// Statements that each new element gets.
    pub statements: Vec<Statement>,
    /// Its comment. JSON of older versions leaves it out.
    pub comment: Aside<Option<Box<str>>>,
    /// Kernel handle.
    pub handle: Handle,
    /// Elements known from the text. Rules may add others at run time (`dynamic`).
    pub elements: Vec<Element>,
    /// Parts that were not understood. When not empty, its members are not all known.
    pub unreadable: Vec<Unreadable>,
    /// Its first mention.
    pub place: Place,
}

impl Set {
    /// A set about which nothing is known but its name.
    pub(super) fn new(name: Box<str>, place: Place) -> Self {
        Self {
            name,
            key: Vec::new(),
            key_of: Aside(None),
            data: None,
            interval: false,
            constant: false,
            dynamic: Aside(false),
            has_timeout: false,
            auto_merge: Aside(false),
            timeout: None,
            gc_interval: None,
            size: None,
            memory: false,
            statements: Vec::new(),
            comment: Aside(None),
            handle: Aside(None),
            elements: Vec::new(),
            unreadable: Vec::new(),
            place,
        }
    }
}

/// What the elements of a map give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetData {
    /// A verdict.
    Verdict,
    /// Values of these types (several for a concatenation).
    Types(Vec<Box<str>>),
    /// Names of objects.
    Object(ObjectKind),
}

/// Kinds of stateful objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// `counter`.
    Counter,
    /// `quota`.
    Quota,
    /// `limit`.
    Limit,
    /// `ct helper`.
    CtHelper,
    /// `ct timeout`.
    CtTimeout,
    /// `ct expectation`.
    CtExpectation,
    /// `secmark`.
    Secmark,
    /// `synproxy`.
    Synproxy,
    /// `tunnel`.
    Tunnel,
}

/// A named stateful object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: Box<str>,
    /// What it holds.
    pub body: ObjectBody,
    /// Its comment. JSON of older versions leaves it out.
    pub comment: Aside<Option<Box<str>>>,
    /// Kernel handle.
    pub handle: Handle,
    /// Where.
    pub place: Place,
}

/// What a stateful object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectBody {
    /// `counter`.
    Counter(Counter),
    /// `quota`.
    Quota(Quota),
    /// `limit`.
    Limit(Limit),
    /// `ct helper`.
    CtHelper {
        /// For example `ftp`.
        helper: Box<str>,
        /// Protocol number.
        protocol: Option<u8>,
        /// Layer 3 family.
        l3proto: Option<Family>,
    },
    /// `ct timeout`.
    CtTimeout {
        /// Protocol number.
        protocol: Option<u8>,
        /// Layer 3 family.
        l3proto: Option<Family>,
        /// State and seconds.
        policy: Vec<(Box<str>, u64)>,
    },
    /// `ct expectation`.
    CtExpectation {
        /// Protocol number.
        protocol: Option<u8>,
        /// Layer 3 family.
        l3proto: Option<Family>,
        /// Destination port.
        dport: Option<u16>,
        /// Lives so long, in milliseconds.
        timeout: Option<u64>,
        /// Connections at most.
        size: Option<u64>,
    },
    /// `secmark`: a security context.
    Secmark(Box<str>),
    /// `synproxy`.
    Synproxy(Synproxy),
    /// `tunnel`: parameters are not kept.
    Tunnel,
    /// Not understood; its kind and name are.
    Unreadable(ObjectKind, Unreadable),
}

impl ObjectBody {
    /// The kind of object it is.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        match self {
            ObjectBody::Counter(_) => ObjectKind::Counter,
            ObjectBody::Quota(_) => ObjectKind::Quota,
            ObjectBody::Limit(_) => ObjectKind::Limit,
            ObjectBody::CtHelper { .. } => ObjectKind::CtHelper,
            ObjectBody::CtTimeout { .. } => ObjectKind::CtTimeout,
            ObjectBody::CtExpectation { .. } => ObjectKind::CtExpectation,
            ObjectBody::Secmark(_) => ObjectKind::Secmark,
            ObjectBody::Synproxy(_) => ObjectKind::Synproxy,
            ObjectBody::Tunnel => ObjectKind::Tunnel,
            ObjectBody::Unreadable(kind, _) => *kind,
        }
    }
}

/// Parameters of a SYN proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Synproxy {
    /// Maximum segment size offered.
    pub mss: Option<u16>,
    /// Window scale offered.
    pub wscale: Option<u8>,
    /// `timestamp`.
    pub timestamp: bool,
    /// `sack-perm`.
    pub sack_perm: bool,
}

/// A flowtable: established connections listed in it bypass the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flowtable {
    /// Its name.
    pub name: Box<str>,
    /// Always ingress at present.
    pub hook: Option<Hook>,
    /// Priority at its hook.
    pub priority: Option<i32>,
    /// Devices it serves.
    pub devices: Vec<Box<str>>,
    /// `flags offload`: by hardware. JSON of older versions leaves it out.
    pub offload: Aside<bool>,
    /// `counter`. JSON of older versions leaves it out.
    pub counter: Aside<bool>,
    /// Kernel handle.
    pub handle: Handle,
    /// Where.
    pub place: Place,
}
