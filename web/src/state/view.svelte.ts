import { MediaQuery } from 'svelte/reactivity';

import { messages } from '../text/messages';
import type { Project } from './project.svelte';
import type { Settings } from './settings.svelte';

/** What is chosen: a rule, the rules of a pair of groups, or a finding. */
export type Selection = { kind: 'pair'; from: string; to: string } | { kind: 'flow'; id: string } | { kind: 'finding'; key: string };

/** The tabs of the middle pane. */
export type ResultTab = 'rules' | 'matrix' | 'findings' | 'trace' | 'whatif' | 'compare' | 'messages';

/** The panes: a narrow screen shows one of them, a middling one the inspector beside one of the others. */
export type Pane = 'inputs' | 'results' | 'inspector';

/** Id of the element that shows the chosen tab of the middle pane. */
export const RESULT_PANEL = 'result';

/** Id of the tab `tab` of the panel `panel`. */
export function tabId(panel: string, tab: string): string {
  return `${panel}-tab-${tab}`;
}

/** What the user looks at: nothing of it is part of the project. */
export class View {
  tab = $state<ResultTab>('rules');
  pane = $state<Pane>('results');
  filter = $state('');
  selection = $state.raw<Selection | undefined>(undefined);
  /** Name of the inventory text in the editor. */
  document = $state<string | undefined>(undefined);
  /** Whether it is edited as text although it could be as a table. */
  asText = $state(false);
  /** A line to go to, in the editor or in the export's text; a new object each time. */
  target = $state.raw<{ source: string; line: number } | undefined>(undefined);
  /** Whether the sheet of shortcuts is shown. */
  help = $state(false);
  /** What could not be opened. */
  notices = $state.raw<string[]>([]);
  /** What has been done, until it is dismissed or something else is done. */
  told = $state.raw<string[]>([]);
  /** The words in the reader's language. */
  words = $derived.by(() => messages[this.#settings.language]);

  #narrow = new MediaQuery('max-width: 799px');
  #project: Project;
  #settings: Settings;

  constructor(project: Project, settings: Settings) {
    this.#project = project;
    this.#settings = settings;
  }

  /** The panes that have a tab of their own. */
  get panes(): Pane[] {
    return this.#narrow.current ? ['inputs', 'results', 'inspector'] : ['inputs', 'results'];
  }

  /** The pane whose tab is chosen. */
  get front(): Pane {
    return this.panes.includes(this.pane) ? this.pane : 'results';
  }

  /** Says what has been done. */
  tell(sentences: string[]): void {
    this.told = sentences;
  }

  /** Looks at nothing in particular: another project has been opened. */
  forget(): void {
    this.selection = this.document = this.target = undefined;
    this.filter = '';
    this.told = [];
    this.tab = 'rules';
    this.pane = 'results';
  }

  /** Chooses a rule or a finding; on a narrow screen the details come forward. */
  select(selection: Selection): void {
    this.selection = selection;
    if (this.#narrow.current) this.pane = 'inspector';
  }

  /** Brings the messages forward. */
  showMessages(): void {
    this.tab = 'messages';
    this.pane = 'results';
  }

  /** Goes to a line of a text: inventories open in the editor, exports beside their findings. */
  goTo(source: string, line: number): void {
    this.target = { source, line };
    if (this.#project.exports.some(({ name }) => name === source)) {
      this.tab = 'findings';
      this.pane = 'results';
    } else if (this.#project.find(source)) {
      this.document = source;
      this.asText = true;
      this.pane = 'inputs';
    }
  }
}
