// The same request gives the same bytes through the command line and through WebAssembly.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const text = (path) => readFileSync(new URL(path, root), 'utf8');
const { initSync, call, callJson } = await import(new URL('web/src/engine/pkg/portwright_wasm.js', root).href);
initSync({ module: readFileSync(new URL('web/src/engine/pkg/portwright_wasm_bg.wasm', root)) });

const dce = 'examples/dce/';
const document = (name) => ({ name, text: text(dce + name) });
const site = { documents: ['cluster-config.yaml', 'worker-cluster.yaml', 'portwright.yaml'].map(document) };
const exported = (host) => ({
  host,
  documents: readdirSync(new URL(`${dce}exports/`, root))
    .filter((name) => name.startsWith(`${host}.`))
    .sort()
    .map((name) => document(`exports/${name}`)),
});

const planned = { operation: 'probe-plan', site };
const plan = JSON.stringify(call(planned).result.plan);

const requests = {
  'resolve, English': { operation: 'resolve', site },
  'resolve, Chinese, corrected': {
    operation: 'resolve', pairs: true, host: 'g-master1',
    site: { ...site, language: 'zh', mode: 'least-privilege', parameters: [{ id: 'calico.typha', value: true }] },
  },
  lint: {
    operation: 'lint', site, today: '2026-11-22',
    exports: ['g-master1', 'g-master2', 'g-worker1', 'edge-node1'].map(exported),
  },
  'trace, one packet': {
    operation: 'trace', documents: exported('g-master1').documents,
    packet: 'in=eth0 tcp 198.51.100.7:40000 > 10.16.10.11:2379 state=new flags=S',
  },
  catalog: { operation: 'catalog', name: 'dce' },
  detect: { operation: 'detect', documents: exported('g-worker1').documents, site },
  explain: { operation: 'explain' },
  'probe-plan': planned,
  'probe-report, nothing told': {
    operation: 'probe-report', plan: { name: 'plan.json', text: plan }, exports: [exported('g-master1')],
    results: [{ name: 'cut.jsonl', text: '{"record": "start", "portw' }],
  },
  'a site that cannot be read': { operation: 'resolve', site: { documents: [{ name: 'x.yaml', text: 'a: [1,\n' }] } },
};

for (const [name, request] of Object.entries(requests)) {
  test(`${name}: command line, callJson and call agree byte for byte`, () => {
    const input = JSON.stringify(request);
    const args = ['run', '--quiet', '--locked', '-p', 'portwright-cli', '--', 'call', '-'];
    const cli = spawnSync('cargo', args, { cwd: fileURLToPath(root), input, maxBuffer: 1 << 28, encoding: 'utf8' });
    assert.ok(cli.stdout.length > 100, cli.stderr);
    assert.equal(callJson(input), cli.stdout);
    assert.equal(`${JSON.stringify(call(request), null, 2)}\n`, cli.stdout);
  });
}

test('what is no request is an answer, not a trap', () => {
  assert.equal(JSON.parse(callJson('{')).status, 'failure');
  assert.throws(() => call({ operation: 'fly' }), /not understood/);
  assert.equal(call(requests.explain).status, 'success');
});
