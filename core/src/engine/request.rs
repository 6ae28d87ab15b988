//! What the engine is asked. Plain, serialisable data; the JSON Schema and the TypeScript types
//! are generated from it and from [`super::answer`].

use super::{ProbePlanRequest, ProbeReportRequest, ProbeSocketsRequest};
use crate::catalog::{Mode, Scalar};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An input text with the name that its user knows it by.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its name, usually a path; results refer to it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Texts may hold passwords: only name and size are ever printed.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("name", &self.name)
            .field("bytes", &self.text.len())
            .finish()
    }
}

/// The language of titles, reasons and explanations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

/// A parameter's value as the user sets it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterValue {
    /// Parameter id, for example `cni`.
    pub id: String,
    /// Its value.
    pub value: Scalar,
}

/// A site and how to read it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SiteInput {
    /// Inventories and site files; several merge.
    pub documents: Vec<Document>,
    /// Name of the catalogue; the site's own, else `dce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Catalogue files of the user's own.
    pub catalogs: Vec<Document>,
    /// Parameter values that win over those of the site.
    pub parameters: Vec<ParameterValue>,
    /// How errata are applied; the site's own, else `as-published`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Language of texts.
    pub language: Language,
}

/// What the engine can be asked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Request {
    /// Who must reach whom on what, and why.
    Resolve(ResolveRequest),
    /// Required against permitted, and rule hygiene.
    Lint(LintRequest),
    /// Rule hygiene alone: needs no site.
    Audit(AuditRequest),
    /// One packet's way, or many packets' verdicts.
    Trace(TraceRequest),
    /// The semantic difference of two systems' exports.
    Compare(CompareRequest),
    /// A catalogue: parameters, roles, rows. Without a name: the list of the built-in ones.
    Catalog(CatalogRequest),
    /// What formats texts are in, and what exports guard, as a guess.
    Detect(DetectRequest),
    /// What a finding's code means.
    Explain(ExplainRequest),
    /// What to dial and where to listen, to check a site live.
    ProbePlan(ProbePlanRequest),
    /// What live probes say about a site, and whether the exports agree.
    ProbeReport(ProbeReportRequest),
    /// What listens on hosts, against what a plan or a site says should.
    ProbeSockets(ProbeSocketsRequest),
}

/// See [`Request::Resolve`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ResolveRequest {
    /// The site.
    pub site: SiteInput,
    /// Only flows from or to this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// List every pair of addresses too.
    pub pairs: bool,
}

/// See [`Request::Lint`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LintRequest {
    /// The site.
    pub site: SiteInput,
    /// The exports and where they stand.
    pub exports: Vec<ExportInput>,
    /// Only these codes (ids or names); all when empty.
    pub select: Vec<String>,
    /// Not these codes.
    pub ignore: Vec<String>,
    /// Today, `YYYY-MM-DD`, for accepted excess and suppressions that expire; nothing expires
    /// without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub today: Option<String>,
    /// Findings that are known already and not told: a [`super::Baseline`] as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Document>,
}

/// See [`Request::Audit`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditRequest {
    /// Exports of one system.
    pub documents: Vec<Document>,
    /// The format, when detection should not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// The host's own addresses: `ip -j addr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Document>,
    /// The host's routes: `ip -j route show table all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Document>,
    /// Only these codes (ids or names); all when empty.
    pub select: Vec<String>,
    /// Not these codes.
    pub ignore: Vec<String>,
    /// Today, `YYYY-MM-DD`, for suppressions that expire; nothing expires without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub today: Option<String>,
    /// Findings that are known already and not told: a [`super::Baseline`] as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Document>,
}

/// Exports of one system.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExportInput {
    /// The texts: `iptables-save`, `ip6tables-save`, `ipset save`, … of one system together.
    pub documents: Vec<Document>,
    /// The host that they guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Or the two zones that they stand between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<[String; 2]>,
    /// The format, when detection should not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
}

/// See [`Request::Trace`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TraceRequest {
    /// Exports of one system.
    pub documents: Vec<Document>,
    /// The format, when detection should not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// The host's own addresses: `ip -j addr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Document>,
    /// The host's routes: `ip -j route show table all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Document>,
    /// A packet as text: `in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:6443 state=new flags=syn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<String>,
    /// Or packets as JSON objects, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<Document>,
}

/// See [`Request::Compare`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CompareRequest {
    /// The system as it was.
    pub old: SystemInput,
    /// The system as it is to be. Its exports may be in other formats.
    pub new: SystemInput,
}

/// Everything that one system exports, and what is known of the host.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SystemInput {
    /// The texts: `iptables-save`, `ip6tables-save`, `ipset save`, … of one system together.
    pub documents: Vec<Document>,
    /// The format, when detection should not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// The host's own addresses: `ip -j addr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Document>,
    /// The host's routes: `ip -j route show table all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Document>,
}

/// See [`Request::Catalog`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CatalogRequest {
    /// Its name; all built-in ones are listed without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Catalogue files of the user's own.
    pub catalogs: Vec<Document>,
    /// Language of texts.
    pub language: Language,
}

/// See [`Request::Detect`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DetectRequest {
    /// Texts of any kind.
    pub documents: Vec<Document>,
    /// The site, for guessing which host an export guards, and for what it declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteInput>,
}

/// See [`Request::Explain`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExplainRequest {
    /// A code's id (`PW201`) or name (`missing`); all codes without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}
