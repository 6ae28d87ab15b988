import type { CompareResult, DiagnosticData, Document } from '../engine/types';
import type { Project } from './project.svelte';
import type { Session } from './session.svelte';

/** What two exports do differently. */
export interface Comparison {
  /** Absent where one of them could not be read. */
  result: CompareResult | undefined;
  diagnostics: DiagnosticData[];
}

/** Compares two of the exports: what a change opens and closes. */
export class Comparer {
  /** Names of the exports as the user chose them. */
  before = $state('');
  after = $state('');
  comparison = $state.raw<Comparison | undefined>(undefined);

  /** The exports that hold rules. */
  choices = $derived.by<Document[]>(() => this.#project.exports.filter((text) => !this.#isSet(text)));
  /** The chosen pair, else the first two; none where there are not two. */
  pair = $derived.by<[Document, Document] | undefined>(() => {
    const find = (name: string) => this.choices.find((text) => text.name === name);
    const before = find(this.before) ?? this.choices[0];
    const after = find(this.after) ?? this.choices.find((text) => text !== before);
    return before && after && [before, after];
  });

  #project: Project;
  #session: Session;
  #isOpen: () => boolean;

  constructor(project: Project, session: Session, isOpen: () => boolean) {
    this.#project = project;
    this.#session = session;
    this.#isOpen = isOpen;
  }

  /** Keeps the answer in step with the exports while somebody looks at it; to be called where effects live. */
  follow(): void {
    $effect(() => {
      const { pair } = this;
      // Rules of either side may name the sets that were opened with them.
      const sets = this.#project.exports.filter((text) => this.#isSet(text));
      if (!pair || !this.#isOpen()) {
        this.comparison = undefined;
        return;
      }
      const [before, after] = pair.map((text) => [text, ...sets].map(({ name, text }) => ({ name, text })));
      void this.#session.compare(before ?? [], after ?? []).then((comparison) => {
        if (comparison && this.pair === pair) this.comparison = comparison;
      });
    });
  }

  #isSet({ name }: Document): boolean {
    return this.#session.detected.get(name)?.format === 'ipset-save';
  }

  /** The other way round. */
  swap(): void {
    const [before, after] = this.pair ?? [];
    this.before = after?.name ?? '';
    this.after = before?.name ?? '';
  }
}
