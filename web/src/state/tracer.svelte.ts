import type { DiagnosticData, ExportInput, TracedPacket } from '../engine/types';
import type { Project } from './project.svelte';
import type { Session } from './session.svelte';

/** What one packet meets in one system. */
export interface Trace {
  /** Absent where the exports or the packet could not be read. */
  traced: TracedPacket | undefined;
  diagnostics: DiagnosticData[];
}

/** What a system is called: its host, or the two zones that it stands between. */
export function systemName({ host, between }: ExportInput): string {
  return between ? between.join(' ⇄ ') : (host ?? '');
}

/** Sends a packet through the exports of a system. */
export class Tracer {
  /** Name of the system. */
  system = $state('');
  packet = $state('');
  trace = $state.raw<Trace | undefined>(undefined);

  /** The chosen system, else the first. */
  chosen = $derived.by(() => this.#project.systems.find((system) => systemName(system) === this.system) ?? this.#project.systems[0]);

  #project: Project;
  #session: Session;
  /** What was asked last: it is asked again when the exports change. */
  #asked = $state.raw<string | undefined>(undefined);

  constructor(project: Project, session: Session) {
    this.#project = project;
    this.#session = session;
  }

  /** Keeps the answer in step with the exports; to be called where effects live. */
  follow(): void {
    $effect(() => {
      const packet = this.#asked;
      const { chosen } = this;
      if (packet === undefined || !chosen) {
        this.trace = undefined;
        return;
      }
      void this.#session.trace(chosen, packet).then((trace) => {
        if (trace && this.#asked === packet && this.chosen === chosen) this.trace = trace;
      });
    });
  }

  /** Traces what is written. */
  ask(): void {
    this.#asked = this.packet.trim() || undefined;
  }

  /** Traces a packet through the system of this name. */
  send(packet: string, system: string): void {
    this.packet = packet;
    this.system = this.#project.systems.map(systemName).find((name) => name === system || name.replace(' ⇄ ', ' and ') === system) ?? this.system;
    this.ask();
  }
}
