import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { browse, open, serve } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([serve(), browse()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test('the page shows the version of the engine and nothing goes wrong', async () => {
  const { page, problems } = await open(browser.context, server.url);
  const version = await page.getByTestId('version').getAttribute('data-version');
  const workspace = readFileSync(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  assert.equal(version, workspace.match(/^version = "(.+)"$/m)[1]);
  assert.deepEqual(problems, []);
});

test('the page has no accessibility violation that axe finds', async () => {
  const { page } = await open(browser.context, server.url);
  await page.getByTestId('version').waitFor();
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map(({ id, help }) => `${id}: ${help}`), []);
  assert.ok(passes.length > 0, 'axe checked something');
});

test('the policy blocks a request to another origin, and the harness sees it', async () => {
  const { page, problems } = await open(browser.context, server.url);
  const outcome = await page.evaluate(() => fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'blocked'));
  assert.equal(outcome, 'blocked');
  // The event follows the rejection.
  const seen = () => problems.some((problem) => problem.startsWith('policy: connect-src'));
  for (let wait = 0; wait < 50 && !seen(); wait += 1) await page.waitForTimeout(100);
  assert.ok(seen(), problems.join('\n'));
});

test('the page’s own scripts and styles keep to their budget of 90 kB', () => {
  const assets = new URL('../dist/assets/', import.meta.url);
  // What is loaded later, when it is needed, is not part of it.
  const own = readdirSync(assets).filter((name) => /^(index|worker)-.*\.(js|css)$/.test(name));
  const size = own.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length, 0);
  assert.ok(own.length >= 3 && size > 20_000 && size <= 90_000, `${size} bytes in ${own.join(', ')}`);
});

for (const path of ['/../package.json', '/%2e%2e/package.json', '/..%2fpackage.json', '/assets/../../package.json', '/package.json']) {
  test(`the server keeps to dist/: ${path}`, async () => {
    const { status, body } = await get(path);
    assert.doesNotMatch(body, /portwright-web/);
    assert.ok(status >= 400, `status ${status}`);
  });
}

/** Asks for a path exactly as written: `fetch` would normalise it. */
function get(path) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: server.port, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.on('error', reject).end();
  });
}
