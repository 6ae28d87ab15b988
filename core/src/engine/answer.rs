//! What the engine answers. Plain, serialisable data with a schema version.
//!
//! Lists are arrays, never maps keyed by user text, so that JSON and JavaScript objects have the
//! same order. Absent optional values are left out.

use super::request::ParameterValue;
#[cfg(doc)]
use super::request::Request;
use super::{ProbePlanResult, ProbeReportResult, ProbeSocketsResult};
use crate::catalog::{Mode, Need, Row, Scalar};
use crate::diagnostic::Severity;
use crate::net::Family;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the shapes in requests and answers. Raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// The envelope of every answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// Version of the engine.
    pub version: String,
    /// `failure` when the input was unusable: then there is no result.
    pub status: Status,
    /// What there is to say about the input, in the order of the input.
    pub diagnostics: Vec<DiagnosticData>,
    /// The result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
}

/// Whether there is a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// There is a result, perhaps with diagnostics.
    Success,
    /// The input was unusable; the diagnostics say why.
    Failure,
}

/// The results, by operation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Outcome {
    /// For [`Request::Resolve`].
    Resolve(ResolveResult),
    /// For [`Request::Lint`].
    Lint(LintResult),
    /// For [`Request::Audit`].
    Audit(AuditResult),
    /// For [`Request::Trace`].
    Trace(TraceResult),
    /// For [`Request::Compare`].
    Compare(CompareResult),
    /// For [`Request::Catalog`].
    Catalog(CatalogResult),
    /// For [`Request::Detect`].
    Detect(DetectResult),
    /// For [`Request::Explain`].
    Explain(ExplainResult),
    /// For [`Request::ProbePlan`].
    ProbePlan(ProbePlanResult),
    /// For [`Request::ProbeReport`].
    ProbeReport(ProbeReportResult),
    /// For [`Request::ProbeSockets`].
    ProbeSockets(ProbeSocketsResult),
}

/// A place in an input text. Lines and columns start at 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Name of the document.
    pub source: String,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column just behind the last character.
    pub end_column: u32,
    /// The text there (its first line, shortened); left out where it might hold a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// What is to be seen there; may be empty.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub label: String,
}

/// A statement about the input.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosticData {
    /// Stable id, for example `PW003`.
    pub code: String,
    /// Short name, for example `syntax`.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is the matter.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where; the primary place first.
    pub places: Vec<Place>,
}

/// Who must reach whom on what, and why.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ResolveResult {
    /// The catalogue's name.
    pub catalog: String,
    /// Its version.
    pub catalog_version: String,
    /// Its title.
    pub title: String,
    /// How errata were applied.
    pub mode: Mode,
    /// The clusters with the parameter values that hold in them.
    pub clusters: Vec<ClusterData>,
    /// The machines.
    pub hosts: Vec<HostData>,
    /// Sources and destinations of flows; flows refer to them by id.
    pub groups: Vec<GroupData>,
    /// The flows, ordered by family, destination and service.
    pub flows: Vec<FlowData>,
    /// The requirements that flows refer to by id.
    pub requirements: Vec<RequirementData>,
    /// Requirements that apply but have no counterpart in the site.
    pub unmatched: Vec<UnmatchedData>,
    /// Every pair of addresses, where asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pairs: Vec<PairData>,
}

/// A cluster.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ClusterData {
    /// Its name.
    pub name: String,
    /// `global` or `worker`.
    pub kind: String,
    /// The values of all parameters, ordered by id.
    pub parameters: Vec<ParameterValue>,
}

/// A machine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct HostData {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its cluster's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Who a flow is from or to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct GroupData {
    /// Unique id, for example `global/control-plane`.
    pub id: String,
    /// What it is called in the language asked for.
    pub title: String,
    /// `hosts`, `vip` or `external`.
    pub kind: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its cluster's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Names of its members.
    pub members: Vec<String>,
    /// The fewest prefixes that are exactly its IPv4 addresses.
    pub ipv4: Vec<String>,
    /// The same for IPv6.
    pub ipv6: Vec<String>,
}

/// One required opening.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FlowData {
    /// Unique and stable, for example `ipv4:global/node>global/control-plane:tcp/6443`.
    pub id: String,
    /// Address family.
    pub family: Family,
    /// Id of the source group.
    pub from: String,
    /// Id of the destination group.
    pub to: String,
    /// `tcp`, `udp`, `sctp`, `icmp`, or an IP protocol number.
    pub protocol: String,
    /// Destination ports: a number, a range, or empty.
    pub ports: String,
    /// ICMP type and code in this family, for example `8/0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp: Option<String>,
    /// The strongest need among the reasons.
    pub need: Need,
    /// Why.
    pub because: Vec<ReasonData>,
    /// Whether upstream documentation contradicts one of the reasons' published rows.
    pub erratum: bool,
}

/// Why a flow is required.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReasonData {
    /// Id of the requirement.
    pub requirement: String,
    /// Role of the source, where the flow's own group is wider or named otherwise.
    pub from_role: String,
    /// Role of the destination.
    pub to_role: String,
}

/// A requirement as flows refer to it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RequirementData {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// How much the platform needs it.
    pub need: Need,
    /// Where it is published: document, section, row.
    pub citation: String,
    /// What we read into the published row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
    /// What upstream says against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erratum: Option<ErratumData>,
}

/// Where upstream documentation contradicts or completes a row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ErratumData {
    /// What is wrong or missing.
    pub note: String,
    /// Its source.
    pub source: String,
    /// Whether this mode applies the correction.
    pub applied: bool,
    /// Whether there is a correction, so that the two modes differ here.
    pub differs: bool,
}

/// A requirement without a counterpart.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct UnmatchedData {
    /// Id of the requirement.
    pub requirement: String,
    /// Its title.
    pub title: String,
    /// Roles that nothing in the site has.
    pub roles: Vec<String>,
}

/// One pair of addresses of a flow.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PairData {
    /// Id of the flow.
    pub flow: String,
    /// Name of the source.
    pub from: String,
    /// Its address or prefix.
    pub from_address: String,
    /// Name of the destination.
    pub to: String,
    /// Its address or prefix.
    pub to_address: String,
}

/// Required against permitted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LintResult {
    /// The findings: by export, then by severity, then by line.
    pub findings: Vec<FindingData>,
    /// Counts.
    pub summary: LintSummary,
    /// What was checked, and how far it was understood.
    pub exports: Vec<ExportData>,
    /// The requirements that findings refer to by id.
    pub requirements: Vec<RequirementData>,
}

/// Counts of a lint run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct LintSummary {
    /// Findings of severity error.
    pub errors: usize,
    /// Of severity warning.
    pub warnings: usize,
    /// Of severity note.
    pub notes: usize,
    /// Required flows whose fate is unknown: the answer is incomplete.
    pub unknown: usize,
    /// Required flows that were checked, each once for every host or boundary it passes.
    pub checked: usize,
    /// Of these, those proved to pass.
    pub permitted: usize,
    /// Findings that suppressions in the exports took out.
    pub suppressed: usize,
    /// Findings that the baseline took out.
    pub known: usize,
}

/// Rule hygiene.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditResult {
    /// The findings: by severity, then by code, then by line.
    pub findings: Vec<FindingData>,
    /// Counts.
    pub summary: AuditSummary,
    /// What was checked, and how far it was understood.
    pub export: ExportData,
}

/// Counts of an audit.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuditSummary {
    /// Findings of severity error.
    pub errors: usize,
    /// Of severity warning.
    pub warnings: usize,
    /// Of severity note.
    pub notes: usize,
    /// Findings that suppressions in the exports took out.
    pub suppressed: usize,
    /// Findings that the baseline took out.
    pub known: usize,
}

/// An export that was checked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExportData {
    /// What it guards: a host's name, or `ZONE and ZONE`; empty in an audit.
    pub guards: String,
    /// Names of the documents.
    pub documents: Vec<String>,
    /// The dialects they were read as.
    pub dialects: Vec<String>,
    /// Number of rules.
    pub rules: usize,
    /// Lines with a match or an action that is not modelled, the first of each; only answers that
    /// name one of them depend on it.
    pub not_modelled: Vec<Place>,
    /// Required flows that were checked here.
    pub checked: usize,
}

/// A finding.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FindingData {
    /// Stable id of its kind, for example `PW201`.
    pub code: String,
    /// Short name of its kind, for example `missing`.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is the matter, in one line.
    pub message: String,
    /// What the export guards: a host's name, or `ZONE and ZONE`; empty in an audit.
    pub guards: String,
    /// `input`, `output`, `forward`, `prerouting` or `postrouting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// Id of the flow that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Ids of the requirements behind that flow.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub requirements: Vec<String>,
    /// The packets that it is about, a line for each readable part.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub packets: Vec<String>,
    /// One of these packets, as `portwright trace` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<WitnessData>,
    /// The lines that decide: the primary place first.
    pub places: Vec<Place>,
    /// What the answer depends on; lines that are not modelled.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub depends_on: Vec<Place>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<FixData>,
    /// Stays the same while unrelated lines change.
    pub fingerprint: String,
}

/// A concrete packet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WitnessData {
    /// As text, for `portwright trace`.
    pub packet: String,
    /// Its fate: `accept`, `drop`, `reject` or `unknown`.
    pub verdict: String,
    /// What ended each base chain that it passed, for example `filter/INPUT/3:accept`.
    pub path: Vec<String>,
}

/// What to do about a finding.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FixData {
    /// In words.
    pub text: String,
    /// Lines in the export's own language; empty when only words help.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lines: Vec<String>,
    /// Put them before this place; else replace it, when `replace` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Whether `lines` replace the place instead of preceding it. No lines: delete it.
    pub replace: bool,
}

/// One packet's way, or many packets' verdicts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TraceResult {
    /// One for each packet, in their order.
    pub packets: Vec<TracedPacket>,
}

/// The answer for one packet: a line of `trace --packets`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TracedPacket {
    /// The id that the packet came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<serde_json::Value>,
    /// `accept`, `drop`, `reject` or `unknown`.
    pub verdict: String,
    /// What ended each base chain that it passed: `TABLE/CHAIN/INDEX:VERDICT` or
    /// `TABLE/CHAIN/policy:VERDICT`.
    pub path: Vec<String>,
    /// Line of the rule or policy that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What the verdict depends on; empty unless unknown.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub depends_on: Vec<DependsOn>,
    /// Where the verdict is certain but not the way to it: what the way depends on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub path_depends_on: Vec<DependsOn>,
    /// Every rule that it matches on its way; only for a single packet.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub steps: Vec<StepData>,
    /// Why the packet could not be read; then the verdict is `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A line that a verdict depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DependsOn {
    /// Line in its document.
    pub line: u32,
    /// Why.
    pub why: String,
    /// Name of the document, where there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Something on a packet's way.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StepData {
    /// `enter`, `match`, `change` or `verdict`.
    pub kind: String,
    /// `TABLE/CHAIN`, `TABLE/CHAIN/INDEX` or `TABLE/CHAIN/policy`; for `change` the packet as it is
    /// from now on.
    pub at: String,
    /// The verdict, for the kind `verdict`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The semantic difference of two systems.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CompareResult {
    /// The worst of all hooks' verdicts. `equivalent` is proved.
    pub verdict: String,
    /// Counts.
    pub summary: CompareSummary,
    /// What is proved at each hook of each family.
    pub hooks: Vec<CompareHook>,
    /// The differences: by family, hook and kind, what is certain first.
    pub differences: Vec<DifferenceData>,
    /// Lines that are not modelled and stand alike in both systems (the old one, the new one): they
    /// were taken to do the same to the same packets.
    pub alike: Vec<[Place; 2]>,
    /// The system as it was.
    pub old: ComparedSystem,
    /// The system as it is to be.
    pub new: ComparedSystem,
}

/// Counts of a comparison: of differences, each of which is about all packets that the same two
/// lines decide.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct CompareSummary {
    /// Denied before, permitted now.
    pub opened: usize,
    /// Permitted before, denied now.
    pub closed: usize,
    /// Permitted before and now, and sent on with other addresses or ports.
    pub translated: usize,
    /// Denied before and now, with another answer to the sender.
    pub answers: usize,
    /// Differences that depend on lines which are not modelled.
    pub possible: usize,
    /// Differences that are counted above and not listed.
    pub not_listed: usize,
}

/// What is proved at one hook.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CompareHook {
    /// Address family.
    pub family: Family,
    /// `input`, `forward` or `output`, with what comes before and after on a packet's way.
    pub hook: String,
    /// `equivalent`: proved for every packet. `answers-differ`: the same packets pass, but some
    /// senders are told something else. `possibly-different`: equivalent unless a line that is not
    /// modelled makes a difference. `not-compared`: nothing is claimed. `different`: some packet
    /// passes in one and not in the other, or is sent elsewhere.
    pub verdict: String,
    /// Packets about which nothing is claimed, because comparing them would cost too much.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub not_compared: Vec<String>,
    /// Whether more pairs of lines decide differing packets than are listed.
    pub more: bool,
}

/// Packets that the two systems treat differently, all decided by the same two lines.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DifferenceData {
    /// `opened`, `closed`, `translated` (passes with other addresses or ports), `answer` (another
    /// answer to the sender), or `undetermined` (what
    /// becomes of them is unknown in both).
    pub kind: String,
    /// Whether it is so whatever the lines do that are not modelled; else it depends on them.
    pub certain: bool,
    /// Address family.
    pub family: Family,
    /// `input`, `forward` or `output`.
    pub hook: String,
    /// The packets: the union of these.
    pub packets: Vec<PacketsData>,
    /// Whether these are only some of them.
    pub more: bool,
    /// One of them, as `portwright trace` takes it.
    pub witness: String,
    /// What the old system does.
    pub old: DecidedData,
    /// What the new system does.
    pub new: DecidedData,
}

/// What one system does to packets.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DecidedData {
    /// `accept`, `drop`, `reject` or `unknown`.
    pub verdict: String,
    /// What the sender of a rejected packet is told.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub answer: String,
    /// How packets that pass are translated; empty where they are not.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub translation: String,
    /// The rule or policy that decides: `TABLE/CHAIN/INDEX` or `TABLE/CHAIN/policy`. Left out where
    /// no chain is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What the interpreter says of the witness, independently.
    pub witness: ComparedSide,
    /// Lines that are not modelled on which this depends.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub depends_on: Vec<Place>,
}

/// A packet's way through one system.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSide {
    /// `accept`, `drop`, `reject` or `unknown`.
    pub verdict: String,
    /// What ended each base chain that it passed.
    pub path: Vec<String>,
}

/// A system that was compared.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSystem {
    /// Names of the documents.
    pub documents: Vec<String>,
    /// The dialects they were read as.
    pub dialects: Vec<String>,
    /// Number of rules.
    pub rules: usize,
}

/// Packets as a product of header fields. What is absent may be anything.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PacketsData {
    /// All fields in one line.
    pub text: String,
    /// Source addresses, or `any`.
    pub source: String,
    /// Destination addresses, or `any`.
    pub destination: String,
    /// Protocols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Source ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ports: Option<String>,
    /// Destination ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_ports: Option<String>,
    /// ICMP types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_types: Option<String>,
    /// ICMP codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_codes: Option<String>,
    /// TCP flags: `S/FSRA` for those of `FSRA` that are set, or combinations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// Conntrack states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Fragments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// Interfaces that they come in by; `cali+` for all that begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_interface: Option<String>,
    /// Interfaces that they go out by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_interface: Option<String>,
    /// Everything else, each with its name: `time to live 1-63`, `connection mark 0x1/0x3`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub others: Vec<String>,
}

/// A catalogue, or the list of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CatalogResult {
    /// The built-in catalogues, or the one asked for.
    pub catalogs: Vec<CatalogSummary>,
    /// Parameters of the one asked for, from which a form can be drawn.
    pub parameters: Vec<ParameterData>,
    /// Its roles.
    pub roles: Vec<RoleData>,
    /// Its rows, values as published.
    pub rows: Vec<Row>,
}

/// A catalogue in one line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CatalogSummary {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its title.
    pub title: String,
    /// Number of requirements, those of catalogues that it uses included.
    pub requirements: usize,
}

/// A parameter.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ParameterData {
    /// Its id.
    pub id: String,
    /// What it decides.
    pub title: String,
    /// Allowed values; empty when any port or range is.
    pub values: Vec<Scalar>,
    /// The value when a site says nothing.
    pub default: Scalar,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RoleData {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// `host`, `vip` or `external`.
    pub kind: String,
}

/// What texts are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DetectResult {
    /// One for each document, in their order.
    pub documents: Vec<Detected>,
    /// What the site says that its exports guard; the caller reads the files.
    pub guards: Vec<GuardData>,
    /// Inventories that site files name; the caller reads them and gives them as documents of the
    /// site.
    #[serde(default)]
    pub inventories: Vec<InventoryData>,
}

/// An inventory that a site file names.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct InventoryData {
    /// Its path as written, relative to the file that names it.
    pub path: String,
    /// Name of the document that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_in: Option<String>,
}

/// What exports guard, as a site says it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct GuardData {
    /// Paths as written, relative to the file that declares them.
    pub exports: Vec<String>,
    /// The host that they guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Or the two zones that they stand between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<[String; 2]>,
    /// Name of the document that declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_in: Option<String>,
}

/// What a text is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Detected {
    /// Name of the document.
    pub name: String,
    /// `site`, `export`, `catalog` or `unknown`.
    pub kind: String,
    /// Id of its format, for example `iptables-save` or `dce-cluster-config`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The host that an export probably guards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What codes mean.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExplainResult {
    /// One or all of them.
    pub codes: Vec<CodeData>,
}

/// What a code means.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CodeData {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its usual severity.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// Markdown.
    pub explanation: String,
}
