import type { Document, ExportInput, Mode, Scalar } from '../engine/types';

/** What an export stands at: a host, or the border of two zones. */
export type Guards = { host: string } | { between: [string, string] };

/** A firewall export, what it guards once that is known, and its format where detection is overruled. */
export interface ExportText extends Document {
  guards: Guards | undefined;
  dialect?: string | undefined;
}

/** Where a text belongs. */
export type Place = 'inventory' | 'exports' | 'catalogs';

/** A text on its way into the project. */
export interface Incoming extends Document {
  place: Place;
  guards?: Guards | undefined;
}

/**
 * All that the user has put in. Nothing in it is changed in place: an old one can be kept, and what
 * the worker gets are plain objects.
 */
export interface Content {
  readonly inventory: readonly Document[];
  readonly exports: readonly ExportText[];
  readonly catalogs: readonly Document[];
  /** Values that win over those of the site, by parameter id. */
  readonly parameters: Readonly<Record<string, Scalar>>;
  /** Absent: as the site says. */
  readonly mode?: Mode | undefined;
}

/** A project without anything in it. */
export const EMPTY: Content = { inventory: [], exports: [], catalogs: [], parameters: {} };

/** The oldest snapshots are forgotten; texts that did not change are shared between them. */
const MOST_SNAPSHOTS = 200;
/** Typing in one place is one step back, until it pauses this long. */
const PAUSE_MS = 1500;

/** The document of the page and its history. */
export class Project {
  #now = $state.raw<Content>(EMPTY);
  #past = $state.raw<Content[]>([]);
  #future = $state.raw<Content[]>([]);
  /** What the last change was about, and when: changes of one thing in quick succession are one. */
  #last = { about: '', time: 0 };

  /** The present document. */
  get content(): Content {
    return this.#now;
  }

  inventory = $derived(this.#now.inventory);
  exports = $derived(this.#now.exports);
  catalogs = $derived(this.#now.catalogs);
  parameters = $derived(this.#now.parameters);
  mode = $derived(this.#now.mode);

  /** The exports whose place is known; those of one place are one system. */
  systems = $derived.by<ExportInput[]>(() => {
    const systems = new Map<string, ExportInput & { documents: Document[] }>();
    for (const { name, text, guards, dialect } of this.exports) {
      if (!guards) continue;
      const key = JSON.stringify(guards);
      const system = systems.get(key) ?? { documents: [], ...guards };
      system.documents.push({ name, text });
      if (dialect) system.dialect = dialect;
      systems.set(key, system);
    }
    return [...systems.values()];
  });

  /** Every text, in a fixed order. */
  get texts(): Document[] {
    return [...this.inventory, ...this.exports, ...this.catalogs].map(({ name, text }) => ({ name, text }));
  }

  isEmpty = $derived(this.inventory.length + this.exports.length + this.catalogs.length === 0);
  canUndo = $derived(this.#past.length > 0);
  canRedo = $derived(this.#future.length > 0);

  /** Goes one step back. */
  undo(): void {
    const before = this.#past.at(-1);
    if (!before) return;
    this.#future = [...this.#future, this.#now];
    this.#past = this.#past.slice(0, -1);
    this.#now = before;
    this.#last.about = '';
  }

  /** Takes the last step back forward again. */
  redo(): void {
    const after = this.#future.at(-1);
    if (!after) return;
    this.#past = [...this.#past, this.#now];
    this.#future = this.#future.slice(0, -1);
    this.#now = after;
    this.#last.about = '';
  }

  /** Makes many changes one step. */
  together(change: () => void): void {
    const [now, past] = [this.#now, this.#past];
    change();
    if (this.#now === now) return;
    this.#past = [...past, now].slice(-MOST_SNAPSHOTS);
    this.#last.about = '';
  }

  /** Puts another document in the place of this one. */
  replace(content: Content): void {
    this.#set(content);
  }

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
      const free = same ? name : this.#freeName(name);
      const added: ExportText = { ...(same ? old : {}), name: free, text, guards: guards ?? (same ? old.guards : undefined) };
      this.#change({ exports: same ? this.exports.map((other) => (other === old ? added : other)) : [...this.exports, added] });
      return free;
    }
    const known = this[place].some((other) => other.name === name);
    const free = known ? name : this.#freeName(name);
    const added = { name: free, text };
    this.#change({ [place]: known ? this[place].map((other) => (other.name === name ? added : other)) : [...this[place], added] });
    return free;
  }

  /** Replaces the text of a document; `about` says what of it, where that is a step of its own. */
  edit(name: string, text: string, about = ''): void {
    if (this.find(name)?.text === text) return;
    const change = <T extends Document>(documents: readonly T[]) => documents.map((document) => (document.name === name ? { ...document, text } : document));
    const { inventory, catalogs, exports } = this.#now;
    this.#change({ inventory: change(inventory), catalogs: change(catalogs), exports: change(exports) }, `edit ${name} ${about}`);
  }

  /** Takes a document out. */
  remove(name: string): void {
    const others = <T extends Document>(documents: readonly T[]) => documents.filter((document) => document.name !== name);
    const { inventory, catalogs, exports } = this.#now;
    this.#change({ inventory: others(inventory), catalogs: others(catalogs), exports: others(exports) });
  }

  /** Says what an export guards. A guess of the page is no step of the user's. */
  guard(name: string, guards: Guards | undefined, guess = false): void {
    const exports = this.exports.map((text) => (text.name === name ? { ...text, guards } : text));
    if (guess) this.#now = { ...this.#now, exports };
    else this.#change({ exports });
  }

  /** Overrules detection of an export's format, or leaves it to detection again; those of one system are read alike. */
  read(name: string, dialect: string | undefined): void {
    const guards = this.exports.find((text) => text.name === name)?.guards;
    const alike = (text: ExportText) => text.name === name || (guards !== undefined && sameGuards(text.guards, guards));
    this.#change({ exports: this.exports.map((text) => (alike(text) ? { ...text, dialect } : text)) });
  }

  /** Sets a parameter; without a value it is as the site says. */
  set(id: string, value: Scalar | undefined): void {
    const { [id]: _old, ...others } = this.parameters;
    this.#change({ parameters: value === undefined ? others : { ...others, [id]: value } });
  }

  /** Says how errata are applied. */
  setMode(mode: Mode | undefined): void {
    this.#change({ mode });
  }

  /** Leaves all options to the site. */
  resetOptions(): void {
    this.#change({ parameters: {}, mode: undefined });
  }

  /** Forgets everything. */
  clear(): void {
    this.#set(EMPTY);
  }

  #change(change: Partial<Content>, about = ''): void {
    this.#set({ ...this.#now, ...change }, about);
  }

  #set(content: Content, about = ''): void {
    const time = Date.now();
    const continued = about !== '' && about === this.#last.about && time - this.#last.time < PAUSE_MS;
    if (!continued) this.#past = [...this.#past, this.#now].slice(-MOST_SNAPSHOTS);
    this.#last = { about, time };
    this.#future = [];
    this.#now = content;
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
