// Shortcuts, their sheet, and paper.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { browse, open, serve } from './harness.mjs';

const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([serve(), browse()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

async function withExport() {
  const opened = await open(browser.context, server.url);
  await opened.page.locator('input[data-place=inventory]').setInputFiles([fixture('cluster-config.yaml'), fixture('master-a.iptables')]);
  await opened.page.getByRole('tab', { name: /^Findings ?\d/ }).waitFor();
  return opened;
}

const selected = (page) => page.getByRole('tab', { selected: true }).getAttribute('id');
const cni = (page) => page.locator('select').filter({ has: page.locator('option[value=cilium]') }).first();

test('keys go to views, the filter and findings, and take steps back', async () => {
  const { page, problems } = await withExport();
  const tabs = ['rules', 'matrix', 'findings', 'trace', 'whatif', 'compare', 'messages'];
  for (const [at, tab] of tabs.entries()) {
    await page.keyboard.press(String(at + 1));
    assert.equal(await selected(page), `result-tab-${tab}`);
  }
  await page.keyboard.press('/');
  await page.keyboard.type('port:2379 1n?');
  assert.equal(await page.getByRole('searchbox').inputValue(), 'port:2379 1n?', 'in a field, letters are text');
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('searchbox').inputValue(), '');
  await page.keyboard.press('n');
  const heading = page.getByRole('region', { name: 'Details', exact: true }).getByRole('heading', { level: 2 });
  const first = await heading.textContent();
  await page.keyboard.press('n');
  assert.notEqual(await heading.textContent(), first);
  await page.keyboard.press('p');
  assert.equal(await heading.textContent(), first);

  await cni(page).selectOption('cilium');
  await page.locator('body').click({ position: { x: 700, y: 5 } });
  await page.keyboard.press('Control+z');
  assert.equal(await cni(page).inputValue(), '');
  await page.keyboard.press('Control+Shift+z');
  assert.equal(await cni(page).inputValue(), 'cilium');
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Control+s')]);
  assert.match(download.suggestedFilename(), /\.portwright\.json$/);
  assert.deepEqual(problems, []);
});

test('the sheet lists the keys, closes with Escape, and turns single keys off', async () => {
  const { page } = await withExport();
  await page.keyboard.press('?');
  const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await sheet.waitFor();
  assert.ok((await sheet.locator('kbd').count()) >= 10);
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await sheet.getByRole('checkbox').uncheck();
  await sheet.getByRole('button', { name: 'Close' }).click();
  const before = await selected(page);
  await page.keyboard.press('2');
  assert.equal(await selected(page), before);
  await page.reload();
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  assert.equal(await sheet.getByRole('checkbox').isChecked(), false);
  await sheet.getByRole('checkbox').check();
});

test('on paper: every rule of the view, no controls', async () => {
  const { page } = await open(browser.context, server.url);
  await page.getByRole('main').getByRole('button', { name: 'Load the example' }).click();
  const rules = page.locator('tr.rule');
  await rules.first().waitFor();
  const all = Number(/(\d+) rules/.exec(await page.locator('footer').textContent())?.[1]);
  await page.setViewportSize({ width: 1000, height: 500 });
  assert.ok((await rules.count()) < all);
  await page.emulateMedia({ media: 'print' });
  await page.waitForFunction((wanted) => document.querySelectorAll('tr.rule').length === wanted, all);
  assert.equal(await page.locator('header button:visible, .inputs :visible, .inspector :visible, footer:visible').count(), 0);
  const last = await rules.last().boundingBox();
  assert.ok(last.y > 500, 'nothing is cut by a scrolling box');
  const pdf = await page.pdf();
  assert.ok(pdf.toString('latin1').match(/\/Type \/Page\b/g).length > 1);
});
