import { Crashed, EngineClient, type EngineState, type Reply, Superseded } from '../engine/client';
import type { AuditResult, CatalogResult, CodeData, Detected, DiagnosticData, Document, ExportInput, FindingData, GuardData, LintResult, Place, ResolveResult, SiteInput } from '../engine/types';
import { flowRows } from '../text/flows';
import { type Judged, flowStates } from '../text/states';
import type { Guards, Project } from './project.svelte';
import type { Settings } from './settings.svelte';
import type { Comparison } from './comparison.svelte';
import type { Trace } from './tracer.svelte';

/** A finding with a key that is unique among its fellows. */
export interface FindingRow {
  key: string;
  finding: FindingData;
}

/** Topics: what is asked on them is of no use once the project, or what decides the catalogue, has changed. */
const PROJECT = 'project';
const CATALOG = 'catalog';
const TRACE = 'trace';
const COMPARE = 'compare';
/** A pause in typing after which the engine is asked. */
const DEBOUNCE_MS = 150;
/** Work that takes longer is announced. */
const BUSY_MS = 200;
/** Diagnostics that mean that a line was not fully understood. */
const NOT_UNDERSTOOD = ['syntax', 'not-modelled', 'unknown-format', 'not-text', 'limit'];

/** What the engine says about a project: asked anew whenever the project changes. */
export class Session {
  engine = $state.raw<EngineState>({ kind: 'loading' });
  catalog = $state.raw<CatalogResult | undefined>(undefined);
  detected = $state.raw<Map<string, Detected>>(new Map());
  resolved = $state.raw<ResolveResult | undefined>(undefined);
  linted = $state.raw<LintResult | undefined>(undefined);
  /** Which results are of an earlier input, because the present one is unusable. */
  stale = $state.raw({ rules: false, findings: false });
  /** The engine broke down on the present input. */
  crashed = $state.raw(false);
  /** Work takes long enough to be worth mentioning. */
  busy = $state.raw(false);
  milliseconds = $state.raw(0);

  rows = $derived(this.resolved ? flowRows(this.resolved) : []);
  findings = $derived.by<FindingRow[]>(() => numbered(this.linted?.findings ?? []));
  /** What the exports do with each rule; empty until one is loaded. */
  states = $derived.by<Map<string, Judged>>(() => (this.linted ? flowStates(this.rows, this.linted, this.#lintSaid, this.resolved?.hosts ?? []) : new Map()));
  diagnostics = $derived.by<DiagnosticData[]>(() => distinct([...this.#resolveSaid, ...this.#lintSaid]));
  errors = $derived(this.diagnostics.filter(({ severity }) => severity === 'error'));
  notUnderstood = $derived.by(() => {
    const places = this.diagnostics.filter(({ name }) => NOT_UNDERSTOOD.includes(name)).flatMap((diagnostic) => diagnostic.places.slice(0, 1));
    const lines = new Set(places.map(({ source, line }) => `${source}:${line}`)).size;
    return lines + this.notModelled.length;
  });

  /** Lines of the exports that are not modelled: answers that depend on one say so. */
  notModelled = $derived.by<Place[]>(() => this.linted?.exports.flatMap(({ not_modelled }) => not_modelled) ?? []);

  #catalogName = $derived(this.resolved?.catalog ?? 'dce');
  #resolveSaid = $state.raw<DiagnosticData[]>([]);
  #lintSaid = $state.raw<DiagnosticData[]>([]);
  #guards: GuardData[] = [];
  #codes = new Map<string, Promise<CodeData | undefined>>();
  #client: EngineClient;
  #project: Project;
  #settings: Settings;
  #debounce: ReturnType<typeof setTimeout> | undefined;
  #generation = 0;

  /** The site as the engine takes it. */
  site = $derived.by<SiteInput>(() => {
    const { inventory, catalogs, parameters, mode } = this.#project;
    return {
      documents: [...inventory],
      catalogs: [...catalogs],
      parameters: Object.entries(parameters).map(([id, value]) => ({ id, value })),
      mode: mode ?? null,
      language: this.#settings.language,
    };
  });

  constructor(project: Project, settings: Settings) {
    this.#project = project;
    this.#settings = settings;
    this.#client = new EngineClient((state) => (this.engine = state));
  }

  /** Follows the project; to be called where effects live. */
  follow(): void {
    $effect(() => {
      void [this.site, this.#project.systems, this.#project.exports];
      clearTimeout(this.#debounce);
      this.#debounce = setTimeout(() => void this.compute(), DEBOUNCE_MS);
    });
    $effect(() => {
      void this.#askCatalog(this.#catalogName, this.#settings.language, [...this.#project.catalogs]);
    });
    $effect(() => () => this.#client.close());
  }

  /** Asks for everything anew. */
  async compute(): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const current = () => generation === this.#generation;
    const announce = setTimeout(() => (this.busy = current()), BUSY_MS);
    this.crashed = false;
    this.#client.supersede(PROJECT);
    try {
      await this.#detect(current);
      if (current()) await this.#resolveAndLint(current);
    } catch (error) {
      if (error instanceof Crashed) this.#crash();
      else if (!(error instanceof Superseded)) throw error;
    } finally {
      clearTimeout(announce);
      if (current()) this.busy = false;
    }
  }

  /** Stops the present work; results stay as they were, and are marked. */
  cancel(): void {
    this.#generation += 1;
    this.busy = false;
    this.stale = { rules: true, findings: true };
    this.#client.cancel();
  }

  /** Starts an engine that did not start, and asks for everything anew. */
  restart(): void {
    this.#client.cancel();
    void this.compute();
  }

  /** What texts are; an unknown kind where the engine cannot say. */
  async detect(documents: { name: string; text: string }[]): Promise<Detected[]> {
    try {
      const { result } = await this.#client.ask({ operation: 'detect', documents, site: this.site });
      return result?.documents ?? [];
    } catch {
      return [];
    }
  }

  /** A packet's way through a system; none when the engine was stopped over it. */
  async trace({ documents = [], dialect }: ExportInput, packet: string): Promise<Trace | undefined> {
    this.#client.supersede(TRACE);
    try {
      const { result, diagnostics } = await this.#client.ask({ operation: 'trace', documents, packet, dialect: dialect ?? null }, TRACE);
      return { traced: result?.packets[0], diagnostics };
    } catch (error) {
      if (error instanceof Crashed) this.#crash();
      else if (!(error instanceof Superseded)) throw error;
      return undefined;
    }
  }

  /** What two systems do differently; none when the engine was stopped over it. */
  async compare(before: Document[], after: Document[]): Promise<Comparison | undefined> {
    this.#client.supersede(COMPARE);
    try {
      const { result, diagnostics } = await this.#client.ask({ operation: 'compare', old: { documents: before }, new: { documents: after } }, COMPARE);
      return { result, diagnostics };
    } catch (error) {
      if (error instanceof Crashed) this.#crash();
      else if (!(error instanceof Superseded)) throw error;
      return undefined;
    }
  }

  /** What a code means; asked for once. */
  explain(code: string): Promise<CodeData | undefined> {
    const known = this.#codes.get(code);
    if (known) return known;
    const asked = this.#client.ask({ operation: 'explain', code }).then(
      ({ result }) => result?.codes[0],
      () => {
        this.#codes.delete(code);
        return undefined;
      },
    );
    this.#codes.set(code, asked);
    return asked;
  }

  async #detect(current: () => boolean): Promise<void> {
    const { site } = this;
    const { texts } = this.#project;
    if (texts.length === 0) return;
    const { result } = await this.#client.ask({ operation: 'detect', documents: texts, site }, PROJECT);
    if (!result || !current()) return;
    this.#guards = result.guards ?? [];
    this.detected = new Map(result.documents.map((detected) => [detected.name, detected]));
  }

  async #resolveAndLint(current: () => boolean): Promise<void> {
    const { site } = this;
    const { systems, inventory } = this.#project;
    if (inventory.length === 0) return this.#audit(current);

    const resolving = await this.#client.ask({ operation: 'resolve', site }, PROJECT);
    if (!current()) return;
    this.#resolveSaid = resolving.diagnostics;
    this.stale = { rules: !resolving.result, findings: !resolving.result };
    if (!resolving.result) return;
    this.resolved = resolving.result;
    this.milliseconds = resolving.milliseconds;
    this.#preselect();

    if (systems.length === 0) {
      this.linted = undefined;
      this.#lintSaid = [];
      return;
    }
    const linting: Reply<'lint'> = await this.#client.ask({ operation: 'lint', site, exports: systems, today: today() }, PROJECT);
    if (!current()) return;
    this.#lintSaid = linting.diagnostics;
    this.stale = { rules: false, findings: !linting.result };
    if (linting.result) this.linted = linting.result;
    this.milliseconds += linting.milliseconds;
  }

  /** Without a site there are no requirements: the exports are looked at for themselves, as those of one system. */
  async #audit(current: () => boolean): Promise<void> {
    const { exports } = this.#project;
    if (exports.length === 0) return this.#forget();
    const documents = exports.map(({ name, text }) => ({ name, text }));
    const auditing: Reply<'audit'> = await this.#client.ask({ operation: 'audit', documents, today: today() }, PROJECT);
    if (!current()) return;
    this.resolved = undefined;
    this.#resolveSaid = [];
    this.#lintSaid = auditing.diagnostics;
    this.stale = { rules: false, findings: !auditing.result };
    if (auditing.result) this.linted = withoutSite(auditing.result);
    this.milliseconds = auditing.milliseconds;
  }

  /** Takes what the site says that an export guards, or the engine's guess, where the user has said nothing. */
  #preselect(): void {
    for (const { name, guards } of this.#project.exports) {
      const stands = guards ? undefined : this.#stands(name);
      if (stands) this.#project.guard(name, stands, true);
    }
  }

  /** Files lose their folder on the way into the page: what the site calls `exports/a` may be `a` here. */
  #stands(name: string): Guards | undefined {
    const said = this.#guards.find(({ exports }) => exports.some((path) => path === name || path.endsWith(`/${name}`)));
    if (said?.host) return { host: said.host };
    if (said?.between) return { between: said.between };
    const host = this.detected.get(name)?.host;
    return host && this.resolved?.hosts.some((known) => known.name === host) ? { host } : undefined;
  }

  async #askCatalog(name: string, language: Settings['language'], catalogs: Document[]): Promise<void> {
    this.#client.supersede(CATALOG);
    try {
      const { result } = await this.#client.ask({ operation: 'catalog', name, language, catalogs }, CATALOG);
      if (result) this.catalog = result;
    } catch (error) {
      if (!(error instanceof Superseded) && !(error instanceof Crashed)) throw error;
    }
  }

  #forget(): void {
    this.resolved = this.linted = undefined;
    this.#resolveSaid = this.#lintSaid = [];
    this.stale = { rules: false, findings: false };
    this.milliseconds = 0;
  }

  #crash(): void {
    this.crashed = true;
    this.stale = { rules: true, findings: true };
  }
}

/** An audit as a check of no requirement. */
function withoutSite({ findings, export: audited, summary }: AuditResult): LintResult {
  return { findings, exports: [audited], requirements: [], summary: { ...summary, checked: 0, permitted: 0, unknown: 0 } };
}

function numbered(findings: FindingData[]): FindingRow[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const count = (seen.get(finding.fingerprint) ?? 0) + 1;
    seen.set(finding.fingerprint, count);
    return { key: `${finding.fingerprint}#${count}`, finding };
  });
}

/** The same thing is often said by two requests about one input. */
function distinct(diagnostics: DiagnosticData[]): DiagnosticData[] {
  return [...new Map(diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic])).values()];
}

function today(): string {
  const now = new Date();
  const two = (number: number) => String(number).padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
