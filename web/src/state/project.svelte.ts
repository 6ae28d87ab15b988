import type { Document, ExportInput, Language, Mode, Scalar, SiteInput } from '../engine/types';

/** What an export stands at: a host, or the border of two zones. */
export type Guards = { host: string } | { between: [string, string] };

/** A firewall export and what it guards, once that is known. */
export interface ExportText extends Document {
  guards: Guards | undefined;
}

/** Where a text belongs. */
export type Place = 'inventory' | 'exports' | 'catalogs';

/** A text on its way into the project. */
export interface Incoming extends Document {
  place: Place;
  guards?: Guards | undefined;
}

/**
 * All that the user has put in. Every field is replaced, never changed in place: what the worker
 * gets are plain objects, and an old state can be kept.
 */
export class Project {
  inventory = $state.raw<Document[]>([]);
  exports = $state.raw<ExportText[]>([]);
  catalogs = $state.raw<Document[]>([]);
  /** Values that win over those of the site, by parameter id. */
  parameters = $state.raw<Record<string, Scalar>>({});
  /** Absent: as the site says. */
  mode = $state.raw<Mode | undefined>(undefined);
  language = $state.raw<Language>('en');

  /** The site as the engine takes it. */
  site = $derived<SiteInput>({
    documents: this.inventory,
    catalogs: this.catalogs,
    parameters: Object.entries(this.parameters).map(([id, value]) => ({ id, value })),
    mode: this.mode ?? null,
    language: this.language,
  });

  /** The exports whose place is known; those of one place are one system. */
  systems = $derived.by<ExportInput[]>(() => {
    const systems = new Map<string, ExportInput & { documents: Document[] }>();
    for (const { name, text, guards } of this.exports) {
      if (!guards) continue;
      const key = JSON.stringify(guards);
      const system = systems.get(key) ?? { documents: [], ...guards };
      system.documents.push({ name, text });
      systems.set(key, system);
    }
    return [...systems.values()];
  });

  /** Every text, in a fixed order. */
  get texts(): Document[] {
    return [...this.inventory, ...this.exports, ...this.catalogs].map(({ name, text }) => ({ name, text }));
  }

  isEmpty = $derived(this.inventory.length + this.exports.length + this.catalogs.length === 0);

  /** The text with this name. */
  find(name: string): Document | undefined {
    return [...this.inventory, ...this.exports, ...this.catalogs].find((document) => document.name === name);
  }

  /**
   * Adds a text and gives the name that it got. A text of the same name and purpose is replaced;
   * otherwise the newcomer is numbered, because results refer to texts by name.
   */
  add({ name, text, place, guards }: Incoming): string {
    if (place === 'exports') {
      const old = this.exports.find((other) => other.name === name);
      const same = old && (old.text === text || !guards || sameGuards(old.guards, guards));
      if (same) this.exports = this.exports.map((other) => (other === old ? { name, text, guards: guards ?? old.guards } : other));
      else this.exports = [...this.exports, { name: this.#freeName(name), text, guards }];
      return same ? name : (this.exports.at(-1)?.name ?? name);
    }
    if (this[place].some((other) => other.name === name)) {
      this[place] = this[place].map((other) => (other.name === name ? { name, text } : other));
      return name;
    }
    const free = this.#freeName(name);
    this[place] = [...this[place], { name: free, text }];
    return free;
  }

  /** Replaces the text of a document. */
  edit(name: string, text: string): void {
    const change = <T extends Document>(documents: T[]) => documents.map((document) => (document.name === name ? { ...document, text } : document));
    this.inventory = change(this.inventory);
    this.catalogs = change(this.catalogs);
    this.exports = change(this.exports);
  }

  /** Takes a document out. */
  remove(name: string): void {
    const others = <T extends Document>(documents: T[]) => documents.filter((document) => document.name !== name);
    this.inventory = others(this.inventory);
    this.catalogs = others(this.catalogs);
    this.exports = others(this.exports);
  }

  /** Says what an export guards. */
  guard(name: string, guards: Guards | undefined): void {
    this.exports = this.exports.map((text) => (text.name === name ? { ...text, guards } : text));
  }

  /** Sets a parameter; without a value it is as the site says. */
  set(id: string, value: Scalar | undefined): void {
    const { [id]: _old, ...others } = this.parameters;
    this.parameters = value === undefined ? others : { ...others, [id]: value };
  }

  /** Forgets everything but the language. */
  clear(): void {
    this.inventory = [];
    this.exports = [];
    this.catalogs = [];
    this.parameters = {};
    this.mode = undefined;
  }

  #freeName(name: string): string {
    let free = name;
    for (let number = 2; this.find(free); number += 1) free = `${name} (${number})`;
    return free;
  }
}

function sameGuards(a: Guards | undefined, b: Guards | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
