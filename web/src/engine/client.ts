/** What the worker says. */
export type FromWorker =
  | { kind: 'ready'; version: string }
  | { kind: 'failed'; message: string };

/** A running engine. */
export interface Engine {
  /** The engine's version, such as `0.1.0`. */
  version: string;
}

/** Starts the engine in a worker, so that a long analysis never blocks the page. */
export function start(): Promise<Engine> {
  // Vite finds the worker only in exactly this form.
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === 'ready') resolve({ version: data.version });
      else reject(new Error(data.message));
    };
    worker.onerror = (event) => reject(new Error(`the engine's worker could not be started: ${event.message}`));
  });
}
