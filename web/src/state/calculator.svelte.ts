import { createContext, tick } from 'svelte';

import type { Detected } from '../engine/types';
import type { ExampleSystem } from '../example';
import { download } from '../text/download';
import { TABLE_HEADER } from '../text/table';
import { Comparer } from './comparison.svelte';
import { Keeper } from './keeper.svelte';
import { type Place, Project } from './project.svelte';
import { NotOpened, type Opened, fromFile, isFile, isLink, toFile } from './saved';
import { Session } from './session.svelte';
import { Settings } from './settings.svelte';
import { Tracer } from './tracer.svelte';
import { RESULT_PANEL, View, tabId } from './view.svelte';
import { WhatIf } from './whatif.svelte';

/** Larger files are refused: the engine's memory never shrinks. */
const MAX_MEGABYTES = 16;
/** Programs for mail and chat cut links that are longer. */
const LONG_LINK = 8000;
/** What a text is called that comes without a name. */
const PASTED = 'pasted';

/** One calculator on a page: what was put in, what the engine says, what is looked at. */
export class Calculator {
  project = new Project();
  settings = new Settings();
  session = new Session(this.project, this.settings);
  view = new View(this.project, this.settings);
  tracer = new Tracer(this.project, this.session);
  whatIf = new WhatIf(this.project, this.session);
  comparer = new Comparer(this.project, this.session, () => this.view.tab === 'compare');
  /** The example, once it is there. */
  example = $state.raw<typeof import('../example') | undefined>(undefined);
  keeper = new Keeper(this.project, () => this.#madeWith());

  /** Starts to follow changes; to be called where effects live. */
  follow(): void {
    this.session.follow();
    this.settings.follow();
    this.keeper.follow();
    this.tracer.follow();
    this.comparer.follow();
    void this.#restore();
    // What the page loads later comes when the engine is there, so that it then can do without its server.
    $effect(() => {
      if (this.session.engine.kind !== 'ready') return;
      void this.#loadExample();
      void import('marked');
    });
  }

  /** The address has changed: it may carry a document. */
  followAddress(): void {
    if (isLink(location.hash)) void this.#restore();
  }

  /** Puts the document into the address and copies the link. */
  async share(): Promise<void> {
    const { words } = this.view;
    const { link, removed } = await this.keeper.share();
    const copied = await navigator.clipboard.writeText(link).then(
      () => true,
      () => false,
    );
    const left = this.project.exports.length;
    this.view.tell([
      copied ? words.linkCopied : words.linkInAddress,
      words.linkHolds,
      ...(left > 0 ? [words.linkWithout(left)] : []),
      ...(removed > 0 ? [words.secretsRemoved(removed)] : []),
      ...(link.length > LONG_LINK ? [words.linkLong((link.length / 1000).toFixed(0))] : []),
    ]);
  }

  /** Saves the project as a file. */
  save(): void {
    const { text, removed } = toFile(this.project.content, this.#madeWith());
    download('project.portwright.json', text, 'application/json');
    this.view.tell([this.view.words.saved, ...(removed > 0 ? [this.view.words.secretsRemoved(removed)] : [])]);
  }

  /** Opens files; `place` is where a text goes whose format nobody recognises. */
  async open(files: Iterable<File>, place: Place = 'inventory'): Promise<void> {
    const texts: { name: string; text: string }[] = [];
    const notices: string[] = [];
    for (const file of files) {
      if (file.size > MAX_MEGABYTES * 1e6) notices.push(this.view.words.tooLarge(file.name, String(MAX_MEGABYTES)));
      else {
        const text = await file.text().catch(() => undefined);
        if (text === undefined) notices.push(this.view.words.unreadable(file.name));
        else texts.push({ name: file.name, text });
      }
    }
    this.view.notices = notices;
    await this.#openTexts(texts, place);
  }

  /** Opens a text that was pasted on the page. */
  async paste(text: string): Promise<void> {
    if (text.length > MAX_MEGABYTES * 1e6) {
      this.view.notices = [this.view.words.tooLarge(PASTED, String(MAX_MEGABYTES))];
      return;
    }
    let name = PASTED;
    for (let number = 2; this.project.find(name); number += 1) name = `${PASTED}-${number}`;
    await this.#openTexts([{ name, text }], 'inventory');
  }

  /** Opens the example's inventories. */
  async openExample(): Promise<void> {
    const { EXAMPLE_SITE } = await this.#loadExample();
    this.project.together(() => EXAMPLE_SITE.forEach((text) => this.project.add({ ...text, place: 'inventory' })));
    this.#show('inventory');
  }

  /** The example is no part of what the page needs to start. */
  async #loadExample(): Promise<typeof import('../example')> {
    this.example ??= await import('../example');
    return this.example;
  }

  /** Opens the exports of one host of the example. */
  openSystem({ host, exports }: ExampleSystem): void {
    this.project.together(() => exports.forEach((text) => this.project.add({ ...text, place: 'exports', guards: { host } })));
    this.#show('exports');
  }

  /** Puts a first text of the user's own into the editor. */
  write(text: string): void {
    this.view.document = this.project.add({ name: this.view.words.newDocument, text, place: 'inventory' });
    this.view.pane = 'inputs';
  }

  /** Begins a table of hosts. */
  writeTable(): void {
    let name = 'hosts.csv';
    for (let number = 2; this.project.find(name); number += 1) name = `hosts-${number}.csv`;
    this.view.document = this.project.add({ name, text: TABLE_HEADER, place: 'inventory' });
    this.view.asText = false;
    this.view.pane = 'inputs';
  }

  /** Forgets input and results; one step back brings them back. */
  clear(): void {
    this.project.clear();
    this.view.forget();
  }

  async #openTexts(texts: { name: string; text: string }[], place: Place): Promise<void> {
    const project = texts.find(({ text }) => isFile(text));
    if (project) return this.#openProject(project.name, () => fromFile(project.text));
    if (texts.length === 0) return;
    const detected = await this.session.detect(texts);
    this.project.together(() => texts.forEach((text, index) => this.#add(text, detected[index], place)));
  }

  async #restore(): Promise<void> {
    await this.#openProject(this.view.words.thisLink, () => this.keeper.restore());
  }

  /** Puts a saved document in the place of the present one, which is one step back. */
  async #openProject(name: string, read: () => Opened | undefined | Promise<Opened | undefined>): Promise<void> {
    const { words } = this.view;
    try {
      const opened = await read();
      if (!opened) return;
      this.keeper.madeWith = opened.madeWith;
      this.project.replace(opened.content);
      this.view.forget();
      if (opened.left > 0) this.view.tell([words.exportsLeft(opened.left)]);
    } catch (error) {
      if (!(error instanceof NotOpened)) throw error;
      this.view.notices = [...this.view.notices, error.why === 'newer' ? words.projectNewer(name, error.detail) : words.projectDamaged(name, error.detail)];
    }
  }

  #madeWith(): { catalog: string; version: string } | undefined {
    const { resolved } = this.session;
    return resolved && { catalog: resolved.catalog, version: resolved.catalog_version };
  }

  #add(text: { name: string; text: string }, detected: Detected | undefined, fallback: Place): void {
    const place = PLACES[detected?.kind ?? ''] ?? fallback;
    const guards = detected?.host ? { host: detected.host } : undefined;
    this.project.add({ ...text, place, guards });
    this.#show(place);
  }

  #show(place: Place): void {
    if (place === 'exports') this.view.tab = 'findings';
    this.view.pane = 'results';
    // What was pressed may be gone: the focus goes to what it has opened.
    void tick().then(() => document.getElementById(tabId(RESULT_PANEL, this.view.tab))?.focus());
  }
}

const PLACES: Record<string, Place> = { site: 'inventory', export: 'exports', catalog: 'catalogs' };

/** The calculator that a component belongs to. */
export const [useCalculator, provideCalculator] = createContext<Calculator>();
