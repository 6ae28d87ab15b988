import init, { version } from './pkg/portwright_wasm.js';

import type { FromWorker } from './client';

function post(message: FromWorker): void {
  self.postMessage(message);
}

init().then(
  () => post({ kind: 'ready', version: version() }),
  (error: unknown) => post({ kind: 'failed', message: `the engine could not be loaded: ${String(error)}` }),
);
