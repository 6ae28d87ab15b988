import type { FlowRow } from '../text/flows';
import { type Difference, differences } from '../text/whatif';
import type { Content, Project } from './project.svelte';
import type { Session } from './session.svelte';

/** A state of the project to compare with. */
interface Baseline {
  content: Content;
  rows: FlowRow[];
  time: Date;
}

/** Compares the rules of the present project with those of one that was pinned. */
export class WhatIf {
  baseline = $state.raw<Baseline | undefined>(undefined);
  differences = $derived.by<Difference[]>(() => (this.baseline ? differences(this.baseline.rows, this.#session.rows) : []));

  #project: Project;
  #session: Session;

  constructor(project: Project, session: Session) {
    this.#project = project;
    this.#session = session;
  }

  /** Whether there is something that can be pinned: rules of the present project, not of an earlier one. */
  get canPin(): boolean {
    return this.#session.resolved !== undefined && !this.#session.stale.rules;
  }

  pin(): void {
    if (this.canPin) this.baseline = { content: this.#project.content, rows: this.#session.rows, time: new Date() };
  }

  unpin(): void {
    this.baseline = undefined;
  }

  /** Brings the pinned project back, which is one step. */
  back(): void {
    if (this.baseline) this.#project.replace(this.baseline.content);
  }
}
