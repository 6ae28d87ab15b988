//! Headings in the two languages.

use crate::engine::Language;

/// Every heading that reports write themselves; everything else comes with its language.
pub(super) struct Words {
    pub(super) direction: &'static str,
    pub(super) inbound: &'static str,
    pub(super) outbound: &'static str,
    pub(super) family: &'static str,
    pub(super) from: &'static str,
    pub(super) from_addresses: &'static str,
    pub(super) to: &'static str,
    pub(super) to_addresses: &'static str,
    pub(super) protocol: &'static str,
    pub(super) ports: &'static str,
    pub(super) need: &'static str,
    pub(super) why: &'static str,
    pub(super) citation: &'static str,
    pub(super) assumed: &'static str,
    pub(super) erratum: &'static str,
    pub(super) group: &'static str,
    pub(super) addresses: &'static str,
    pub(super) mode: &'static str,
    pub(super) outside: &'static str,
    pub(super) zone: &'static str,
    pub(super) unmatched: &'static str,
}

static ENGLISH: Words = Words {
    direction: "direction",
    inbound: "in",
    outbound: "out",
    family: "family",
    from: "from",
    from_addresses: "from addresses",
    to: "to",
    to_addresses: "to addresses",
    protocol: "protocol",
    ports: "ports",
    need: "need",
    why: "why",
    citation: "citation",
    assumed: "assumed",
    erratum: "erratum",
    group: "group",
    addresses: "addresses",
    mode: "mode",
    outside: "outside clusters",
    zone: "zone",
    unmatched: "not asked for, because nothing in the site has the role",
};

static CHINESE: Words = Words {
    direction: "方向",
    inbound: "入",
    outbound: "出",
    family: "协议族",
    from: "源",
    from_addresses: "源地址",
    to: "目的",
    to_addresses: "目的地址",
    protocol: "协议",
    ports: "端口",
    need: "需求",
    why: "用途",
    citation: "出处",
    assumed: "推定",
    erratum: "勘误",
    group: "组",
    addresses: "地址",
    mode: "模式",
    outside: "集群之外",
    zone: "区域",
    unmatched: "未列出：站点中没有对应的角色",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Zh => &CHINESE,
    }
}
