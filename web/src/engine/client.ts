import type { Answer, DiagnosticData, Outcome, Request } from './types';

/** What the worker is asked. */
export interface ToWorker {
  id: number;
  request: Request;
}

/** What the worker says. */
export type FromWorker =
  | { kind: 'ready'; version: string }
  | { kind: 'failed'; message: string }
  | { kind: 'answer'; id: number; answer: Answer; milliseconds: number }
  | { kind: 'crashed'; id: number; message: string };

/** What the client says about its worker. */
export type EngineState =
  | { kind: 'loading' }
  | { kind: 'ready'; version: string }
  | { kind: 'failed'; message: string };

/** The result that belongs to an operation. */
export type ResultOf<Operation extends Request['operation']> = Extract<Outcome, { operation: Operation }>;

/** An answer and how long the engine took for it. */
export interface Reply<Operation extends Request['operation']> {
  /** Absent when the input was unusable. */
  result: ResultOf<Operation> | undefined;
  diagnostics: DiagnosticData[];
  milliseconds: number;
}

/** A newer request took the place of this one: there is nothing to do or to show. */
export class Superseded extends Error {}

/** The engine broke down while it answered; a new one is being started. */
export class Crashed extends Error {}

interface Waiting {
  id: number;
  topic: string | undefined;
  request: Request;
  resolve: (reply: Reply<never>) => void;
  reject: (error: Error) => void;
}

/** A superseded request that runs longer than this is ended together with its worker. */
const PATIENCE_MS = 400;

/** The engine in its worker: one request at a time, in the order of asking. */
export class EngineClient {
  #worker: Worker | undefined;
  #ready = false;
  #lastId = 0;
  #running: Waiting | undefined;
  #queue: Waiting[] = [];
  #say: (state: EngineState) => void;

  /** Starts the engine; `say` hears at once, and whenever its state changes. */
  constructor(say: (state: EngineState) => void) {
    this.#say = say;
    this.#spawn();
  }

  /**
   * Asks the engine; a request that breaks it is rejected with {@link Crashed}. Requests that are
   * of no use once something newer is asked share a `topic`: see {@link supersede}.
   */
  ask<R extends Request>(request: R, topic?: string): Promise<Reply<R['operation']>> {
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      const settle = resolve as unknown as Waiting['resolve'];
      this.#queue.push({ id: this.#lastId, topic, request, resolve: settle, reject });
      this.#next();
    });
  }

  /** Rejects all that was asked on a topic and is not answered yet with {@link Superseded}. */
  supersede(topic: string): void {
    const old = this.#queue.filter((waiting) => waiting.topic === topic);
    this.#queue = this.#queue.filter((waiting) => waiting.topic !== topic);
    for (const { reject } of old) reject(new Superseded('superseded'));

    const running = this.#running;
    if (running?.topic !== topic) return;
    running.reject(new Superseded('superseded'));
    setTimeout(() => {
      if (this.#running === running) this.#respawn();
    }, PATIENCE_MS);
  }

  /** Ends what runs and forgets what waits; a new engine is started. */
  cancel(): void {
    this.#rejectAll(() => new Superseded('cancelled'));
    this.#respawn();
  }

  /** Ends the engine for good. */
  close(): void {
    this.#rejectAll(() => new Superseded('closed'));
    this.#worker?.terminate();
  }

  #rejectAll(error: () => Error): void {
    const open = this.#running ? [this.#running, ...this.#queue] : this.#queue;
    this.#running = undefined;
    this.#queue = [];
    for (const { reject } of open) reject(error());
  }

  #spawn(): void {
    this.#ready = false;
    this.#say({ kind: 'loading' });
    // Vite finds the worker only in exactly this form.
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    // What an ended worker had still to say is of no use.
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (this.#worker === worker) this.#hear(data);
    };
    worker.onerror = (event) => {
      if (this.#worker === worker) this.#hear({ kind: 'failed', message: `the engine's worker could not be started: ${event.message}` });
    };
  }

  #respawn(): void {
    this.#worker?.terminate();
    this.#running = undefined;
    this.#spawn();
  }

  #hear(message: FromWorker): void {
    if (message.kind === 'ready') {
      this.#ready = true;
      this.#say(message);
      this.#next();
    } else if (message.kind === 'failed') {
      this.#say(message);
      this.#rejectAll(() => new Crashed(message.message));
    } else if (message.id === this.#running?.id) {
      this.#finish(this.#running, message);
    }
  }

  #finish(running: Waiting, message: Extract<FromWorker, { id: number }>): void {
    this.#running = undefined;
    if (message.kind === 'crashed') {
      running.reject(new Crashed(message.message));
      this.#respawn();
      return;
    }
    const { answer, milliseconds } = message;
    const result = (answer.result ?? undefined) as never;
    running.resolve({ result, diagnostics: answer.diagnostics, milliseconds });
    this.#next();
  }

  #next(): void {
    if (!this.#ready || this.#running) return;
    this.#running = this.#queue.shift();
    if (!this.#running) return;
    const { id, request } = this.#running;
    this.#worker?.postMessage({ id, request } satisfies ToWorker);
  }
}
