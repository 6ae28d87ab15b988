import type { Content, Project } from './project.svelte';
import { type MadeWith, NotOpened, type Opened, fromHash, isLink, toHash } from './saved';

const KEY = 'portwright.document';
/** A pause after which a change is kept. */
const PAUSE_MS = 300;

/**
 * Keeps the document over a reload: in the address once it has been shared, else in the tab's own
 * storage. Exports and secrets are in neither.
 */
export class Keeper {
  /** What the opened document was made with. */
  madeWith = $state.raw<MadeWith | undefined>(undefined);

  #project: Project;
  #current: () => MadeWith | undefined;
  /** What is kept already. */
  #kept: Content | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `current` tells what the present document is computed with. */
  constructor(project: Project, current: () => MadeWith | undefined) {
    this.#project = project;
    this.#current = current;
  }

  /** Keeps what changes from now on; to be called where effects live. */
  follow(): void {
    $effect(() => {
      const { content, isEmpty } = this.#project;
      if (this.#kept === undefined || content === this.#kept) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#keep(content, isEmpty), PAUSE_MS);
    });
  }

  /** The document that the address or the tab has kept, if there is one. */
  async restore(): Promise<Opened | undefined> {
    this.#kept = this.#project.content;
    const hash = isLink(location.hash) ? location.hash : stored();
    if (!hash) return undefined;
    try {
      const opened = await fromHash(hash);
      this.#kept = opened.content;
      return opened;
    } catch (error) {
      // What a tab has kept is replaced by what it keeps next; a link is somebody's.
      if (error instanceof NotOpened && !isLink(location.hash)) return undefined;
      throw error;
    }
  }

  /** Puts the document into the address; gives the link and how many secrets it left out. */
  async share(): Promise<{ link: string; removed: number }> {
    const { content } = this.#project;
    const { hash, removed } = await toHash(content, this.#current());
    this.#kept = content;
    history.replaceState(null, '', hash);
    return { link: location.href, removed };
  }

  async #keep(content: Content, isEmpty: boolean): Promise<void> {
    const { hash } = await toHash(content, this.#current());
    if (this.#project.content !== content) return;
    this.#kept = content;
    store(isEmpty ? undefined : hash);
    if (isLink(location.hash)) history.replaceState(null, '', isEmpty ? location.pathname + location.search : hash);
  }
}

function stored(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Storage may be forbidden or full: the document then does not outlive a reload. */
function store(hash: string | undefined): void {
  try {
    if (hash === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, hash);
  } catch {
    return;
  }
}
