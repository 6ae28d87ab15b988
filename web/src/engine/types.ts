/**
 * What the engine takes and gives: `core/src/engine/data.rs` in TypeScript. An optional property
 * is one that the engine leaves out, or that it fills in itself.
 */

/** The language of titles, reasons and explanations. */
export type Language = 'en' | 'zh';
/** How errata are applied. */
export type Mode = 'as-published' | 'least-privilege';
/** How much a flow is needed. */
export type Need = 'required' | 'optional' | 'metrics' | 'debug';
/** Address family. */
export type Family = 'ipv4' | 'ipv6';
/** How much something matters. */
export type Severity = 'note' | 'warning' | 'error';
/** A parameter's value. */
export type Scalar = boolean | number | string;
/** Whether there is a result. */
export type Status = 'success' | 'failure';

/** An input text with the name that its user knows it by. */
export interface Document {
  name: string;
  text: string;
}

/** A parameter's value as the user sets it. */
export interface ParameterValue {
  id: string;
  value: Scalar;
}

/** A site and how to read it. */
export interface SiteInput {
  documents?: Document[];
  catalog?: string | null;
  catalogs?: Document[];
  parameters?: ParameterValue[];
  mode?: Mode | null;
  language?: Language;
}

/** What the engine can be asked. */
export type Request =
  | ({ operation: 'resolve' } & ResolveRequest)
  | ({ operation: 'lint' } & LintRequest)
  | ({ operation: 'trace' } & TraceRequest)
  | ({ operation: 'catalog' } & CatalogRequest)
  | ({ operation: 'detect' } & DetectRequest)
  | ({ operation: 'explain' } & ExplainRequest);

/** Who must reach whom on what, and why. */
export interface ResolveRequest {
  site?: SiteInput;
  host?: string | null;
  pairs?: boolean;
}

/** Required against permitted, and rule hygiene. */
export interface LintRequest {
  site?: SiteInput;
  exports?: ExportInput[];
  select?: string[];
  ignore?: string[];
  today?: string | null;
}

/** Exports of one system. */
export interface ExportInput {
  documents?: Document[];
  host?: string | null;
  between?: [string, string] | null;
  dialect?: string | null;
}

/** One packet's way, or many packets' verdicts. */
export interface TraceRequest {
  documents?: Document[];
  dialect?: string | null;
  addresses?: Document | null;
  routes?: Document | null;
  packet?: string | null;
  packets?: Document | null;
}

/** A catalogue: parameters, roles, rows. */
export interface CatalogRequest {
  name?: string | null;
  catalogs?: Document[];
  language?: Language;
}

/** What formats texts are in, and what exports guard, as a guess. */
export interface DetectRequest {
  documents?: Document[];
  site?: SiteInput | null;
}

/** What a finding's code means. */
export interface ExplainRequest {
  code?: string | null;
}

/** The envelope of every answer. */
export interface Answer {
  schema: number;
  version: string;
  status: Status;
  diagnostics: DiagnosticData[];
  result?: Outcome | null;
}

/** The results, by operation. */
export type Outcome =
  | ({ operation: 'resolve' } & ResolveResult)
  | ({ operation: 'lint' } & LintResult)
  | ({ operation: 'trace' } & TraceResult)
  | ({ operation: 'catalog' } & CatalogResult)
  | ({ operation: 'detect' } & DetectResult)
  | ({ operation: 'explain' } & ExplainResult);

/** A place in an input text. Lines and columns start at 1; columns count characters. */
export interface Place {
  source: string;
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  excerpt?: string | null;
  label?: string;
}

/** A statement about the input. */
export interface DiagnosticData {
  code: string;
  name: string;
  severity: Severity;
  message: string;
  help?: string | null;
  places: Place[];
}

/** Who must reach whom on what, and why. */
export interface ResolveResult {
  catalog: string;
  catalog_version: string;
  title: string;
  mode: Mode;
  clusters: ClusterData[];
  hosts: HostData[];
  groups: GroupData[];
  flows: FlowData[];
  requirements: RequirementData[];
  unmatched: UnmatchedData[];
  pairs?: PairData[];
}

/** A cluster. */
export interface ClusterData {
  name: string;
  kind: string;
  parameters: ParameterValue[];
}

/** A machine. */
export interface HostData {
  name: string;
  addresses: string[];
  cluster?: string | null;
  roles: string[];
  zone?: string | null;
}

/** Who a flow is from or to. */
export interface GroupData {
  id: string;
  title: string;
  kind: string;
  roles: string[];
  cluster?: string | null;
  members: string[];
  ipv4: string[];
  ipv6: string[];
}

/** One required opening. */
export interface FlowData {
  id: string;
  family: Family;
  from: string;
  to: string;
  protocol: string;
  ports: string;
  icmp?: string | null;
  need: Need;
  because: ReasonData[];
  erratum: boolean;
}

/** Why a flow is required. */
export interface ReasonData {
  requirement: string;
  from_role: string;
  to_role: string;
}

/** A requirement as flows refer to it. */
export interface RequirementData {
  id: string;
  title: string;
  need: Need;
  citation: string;
  assumed?: string | null;
  erratum?: ErratumData | null;
}

/** Where upstream documentation contradicts or completes a row. */
export interface ErratumData {
  note: string;
  source: string;
  applied: boolean;
  differs: boolean;
}

/** A requirement without a counterpart. */
export interface UnmatchedData {
  requirement: string;
  title: string;
  roles: string[];
}

/** One pair of addresses of a flow. */
export interface PairData {
  flow: string;
  from: string;
  from_address: string;
  to: string;
  to_address: string;
}

/** Required against permitted. */
export interface LintResult {
  findings: FindingData[];
  summary: LintSummary;
  exports: ExportData[];
  requirements: RequirementData[];
}

/** Counts of a lint run. */
export interface LintSummary {
  errors: number;
  warnings: number;
  notes: number;
  unknown: number;
  checked: number;
  permitted: number;
}

/** An export that was checked. */
export interface ExportData {
  guards: string;
  documents: string[];
  dialects: string[];
  rules: number;
  not_modelled: number;
  checked: number;
}

/** A finding. */
export interface FindingData {
  code: string;
  name: string;
  severity: Severity;
  message: string;
  guards: string;
  hook?: string | null;
  flow?: string | null;
  requirements?: string[];
  packets?: string[];
  witness?: WitnessData | null;
  places: Place[];
  depends_on?: Place[];
  fix?: FixData | null;
  fingerprint: string;
}

/** A concrete packet. */
export interface WitnessData {
  packet: string;
  verdict: string;
  path: string[];
}

/** What to do about a finding. */
export interface FixData {
  text: string;
  lines?: string[];
  place?: Place | null;
  replace: boolean;
}

/** One packet's way, or many packets' verdicts. */
export interface TraceResult {
  packets: TracedPacket[];
}

/** The answer for one packet. */
export interface TracedPacket {
  id?: unknown;
  verdict: string;
  path: string[];
  line?: number | null;
  depends_on?: DependsOn[];
  steps?: StepData[];
  error?: string | null;
}

/** A line that a verdict depends on. */
export interface DependsOn {
  line: number;
  why: string;
  source?: string | null;
}

/** Something on a packet's way. */
export interface StepData {
  kind: string;
  at: string;
  verdict?: string | null;
  place?: Place | null;
}

/** A catalogue, or the list of them. */
export interface CatalogResult {
  catalogs: CatalogSummary[];
  parameters: ParameterData[];
  roles: RoleData[];
  rows: Row[];
}

/** A catalogue in one line. */
export interface CatalogSummary {
  name: string;
  version: string;
  title: string;
  requirements: number;
}

/** A parameter. */
export interface ParameterData {
  id: string;
  title: string;
  values: Scalar[];
  default: Scalar;
}

/** A role. */
export interface RoleData {
  id: string;
  title: string;
  kind: string;
}

/** A row of a catalogue, values as published. */
export interface Row {
  id: string;
  section: string;
  from: string;
  to: string;
  protocol: string;
  ports: string;
  need: string;
  when: string;
  title_en: string;
  title_zh: string;
  citation: string;
  erratum: string;
}

/** What texts are. */
export interface DetectResult {
  documents: Detected[];
  guards?: GuardData[];
}

/** What a site says about an export. */
export interface GuardData {
  exports: string[];
  host?: string | null;
  between?: [string, string] | null;
  declared_in?: string | null;
}

/** What a text is. */
export interface Detected {
  name: string;
  kind: string;
  format?: string | null;
  host?: string | null;
}

/** What codes mean. */
export interface ExplainResult {
  codes: CodeData[];
}

/** What a code means. */
export interface CodeData {
  id: string;
  name: string;
  severity: Severity;
  summary: string;
  explanation: string;
}
