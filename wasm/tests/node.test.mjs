// The module as it is shipped, instantiated outside a browser: wasm-opt must not have used a
// feature that engines reject.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const file = (path) => new URL(`../../${path}`, import.meta.url);
const { initSync, version } = await import(file('web/src/engine/pkg/portwright_wasm.js').href);

test('the module instantiates and reports the version of the workspace', () => {
  initSync({ module: readFileSync(file('web/src/engine/pkg/portwright_wasm_bg.wasm')) });
  const [, workspace] = readFileSync(file('Cargo.toml'), 'utf8').match(/^version = "(.+)"$/m);
  assert.equal(version(), workspace);
});
