// What the page does when the engine does not do what it should: a stand-in plays the engine.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browse, open, serve } from './harness.mjs';

/** Says nothing about any input, breaks on `crash`, and never answers `hang`. */
const STAND_IN = `
const text = (request) => JSON.stringify(request.site?.documents ?? []);
const result = ({ operation, documents = [] }) => ({
  resolve: { operation, catalog: 'dce', catalog_version: '5.0', title: 'DCE', mode: 'as-published', clusters: [], hosts: [], groups: [], flows: [], requirements: [], unmatched: [] },
  catalog: { operation, catalogs: [], parameters: [], roles: [], rows: [] },
  detect: { operation, documents: documents.map(({ name }) => ({ name, kind: 'site' })), guards: [] },
})[operation];
self.onmessage = ({ data: { id, request } }) => {
  if (request.operation === 'resolve' && text(request).includes('crash')) return self.postMessage({ kind: 'crashed', id, message: 'unreachable' });
  if (request.operation === 'resolve' && text(request).includes('hang')) for (;;);
  self.postMessage({ kind: 'answer', id, milliseconds: 1, answer: { schema: 1, version: '0', status: 'success', diagnostics: [], result: result(request) } });
};
self.postMessage({ kind: 'ready', version: '0' });
`;
let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([serve({ worker: STAND_IN }), browse()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

async function write(text) {
  const { page } = await open(browser.context, server.url);
  let workers = 0;
  page.on('worker', () => (workers += 1));
  await page.getByRole('main').getByRole('button', { name: /^Write an inventory/ }).click();
  await page.getByRole('button', { name: 'Text', exact: true }).click();
  const editor = page.getByRole('textbox', { name: /^Text of/ });
  await page.getByText('This inventory needs no rules').waitFor();
  const first = workers;
  await editor.fill(text);
  return { page, editor, started: () => workers - first };
}

test('a broken engine is started again and the input is kept', async () => {
  const { page, editor, started } = await write('crash');
  const alert = page.getByRole('alert').filter({ hasText: 'broke down' });
  await alert.waitFor();
  await page.locator('footer').getByRole('status').getByText('engine ready').waitFor();
  assert.equal(started(), 1);
  assert.equal(await editor.inputValue(), 'crash');
  await page.getByText('From the last usable input').first().waitFor();

  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.waitForTimeout(500);
  await alert.waitFor();
  await editor.fill('fine');
  await alert.waitFor({ state: 'detached' });
  await page.getByText('From the last usable input').first().waitFor({ state: 'detached' });
});

test('long work is announced and can be cancelled; newer input ends it', async () => {
  const { page, editor, started } = await write('hang');
  await page.locator('footer').getByRole('status').getByText('computing').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('footer').getByRole('status').getByText('engine ready').waitFor();
  assert.equal(await editor.inputValue(), 'hang');
  assert.equal(started(), 1);

  await editor.fill('hang again');
  await page.locator('footer').getByRole('status').getByText('computing').waitFor();
  await editor.fill('fine');
  await page.getByText('From the last usable input').first().waitFor({ state: 'detached' });
  assert.equal(started(), 2);
});
