// The audit of one export in WebAssembly: what `cargo xtask bench --peers` runs. Prints the
// milliseconds of each call, from request to answer as JSON, and the module's memory in bytes.
import { readFileSync } from 'node:fs';

const pkg = new URL('../../web/src/engine/pkg/', import.meta.url);
const { initSync, callJson } = await import(new URL('portwright_wasm.js', pkg).href);
const module = initSync({ module: readFileSync(new URL('portwright_wasm_bg.wasm', pkg)) });

const text = readFileSync(process.argv[2], 'utf8');
const request = JSON.stringify({ operation: 'audit', documents: [{ name: 'export', text }] });
const milliseconds = [];
for (const started = performance.now(); milliseconds.length < 5 && performance.now() - started < 20_000;) {
  const before = performance.now();
  const answer = callJson(request);
  milliseconds.push(performance.now() - before);
  if (!answer.startsWith('{') || !answer.includes('"status": "success"')) throw new Error(answer.slice(0, 300));
}
console.log(JSON.stringify({ milliseconds, memory: module.memory.buffer.byteLength }));
