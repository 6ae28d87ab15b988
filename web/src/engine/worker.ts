import init, * as engine from './pkg/portwright_wasm.js';

import type { FromWorker, ToWorker } from './client';
import type { Answer, Request } from './types';

/** The module's functions, by their contract: its own declarations know only `any`. */
const { call, version } = engine as unknown as { call(request: Request): Answer; version(): string };

function post(message: FromWorker): void {
  self.postMessage(message);
}

/** Nothing is caught selectively: a module that has thrown may be inconsistent and is not used again. */
function answer({ id, request }: ToWorker): void {
  const started = performance.now();
  try {
    post({ kind: 'answer', id, answer: call(request), milliseconds: performance.now() - started });
  } catch (error) {
    post({ kind: 'crashed', id, message: error instanceof Error ? error.message : String(error) });
  }
}

init().then(
  () => {
    self.onmessage = ({ data }: MessageEvent<ToWorker>) => answer(data);
    post({ kind: 'ready', version: version() });
  },
  (error: unknown) => post({ kind: 'failed', message: `the engine could not be loaded: ${String(error)}` }),
);
