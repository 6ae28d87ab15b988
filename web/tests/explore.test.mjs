// Questions to the engine: where a packet goes, what a change would do, how a text is to be read.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { browse, open, serve } from './harness.mjs';

const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const INVENTORY = fixture('cluster-config.yaml');
const EXPORT = fixture('master-a.iptables');
let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([serve(), browse()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const choose = (page, place, files) => page.locator(`input[data-place=${place}]`).setInputFiles(files);
const panel = (page) => page.getByRole('tabpanel');
const tab = (page, name) => page.getByRole('tab', { name });

async function withFiles(exports) {
  const opened = await open(browser.context, server.url);
  await choose(opened.page, 'inventory', INVENTORY);
  await panel(opened.page).locator('tbody tr.rule').first().waitFor();
  if (exports) {
    await choose(opened.page, 'exports', exports);
    await tab(opened.page, /^Findings ?\d/).waitFor();
  }
  return opened;
}

test('a packet is followed through the chains; its rules lead to their lines', async () => {
  const { page, problems } = await withFiles(EXPORT);
  await tab(page, /^Tracer/).click();
  const packet = page.getByRole('textbox', { name: 'Packet' });
  await packet.fill('in=eth0 tcp 192.168.40.2:40000 > 192.168.40.1:2379 state=new');
  await page.keyboard.press('Enter');
  const verdict = panel(page).locator('.outcome');
  await verdict.getByText('dropped').waitFor();
  assert.match(await verdict.textContent(), /master-a\.iptables:10$/);
  await panel(page).locator('ol li').first().waitFor();
  await panel(page).getByRole('button', { name: 'Show master-a.iptables:10' }).first().click();
  await page.locator('[data-line="10"]').waitFor();

  await tab(page, /^Tracer/).click();
  await packet.fill('tcp nonsense');
  await page.keyboard.press('Enter');
  await panel(page).locator('.wrong, article').first().waitFor();
  await panel(page).getByRole('button', { name: 'Take one that is required' }).click();
  await verdict.waitFor();
  assert.match(await packet.inputValue(), /> 192\.168\.40\.1:\d+/);
  assert.deepEqual(problems, []);
});

test('a finding’s witness is traced', async () => {
  const { page } = await withFiles(EXPORT);
  await panel(page).locator('section li button').filter({ hasText: 'missing:' }).first().click();
  const witness = await page.getByTestId('witness').textContent();
  await page.getByRole('button', { name: 'Trace this packet' }).click();
  await panel(page).locator('.outcome .drop, .outcome .reject').waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Packet' }).inputValue(), witness);
});

test('what if: an option against the baseline, and back', async () => {
  const { page, problems } = await withFiles();
  await tab(page, /^What if/).click();
  await page.getByRole('button', { name: 'Pin as baseline' }).click();
  await panel(page).getByText('No difference: the same').waitFor();
  await page.locator('select').filter({ has: page.locator('option[value=cilium]') }).first().selectOption('cilium');
  await panel(page).getByText(/[1-9]\d* added, [1-9]\d* removed/).waitFor();
  await panel(page).locator('li.added').first().waitFor();
  await panel(page).locator('li.removed').first().waitFor();
  await page.getByRole('button', { name: 'Back to the baseline' }).click();
  await panel(page).getByText('No difference: the same').waitFor();

  await page.getByRole('button', { name: /^cluster-config\.yaml/ }).click();
  await page.locator('[data-cell="4 0"]').fill('worker-b');
  await page.locator('[data-cell="4 1"]').fill('192.168.40.77');
  await page.keyboard.press('Enter');
  await panel(page).locator('li.changed').first().waitFor();
  assert.match(await panel(page).locator('li.changed').first().textContent(), /192\.168\.40\.77/);
  assert.deepEqual(problems, []);
});

test('several exports at once; the guess of what each guards, and a format that is overruled and left to detection again', async () => {
  const text = readFileSync(EXPORT, 'utf8');
  const file = (name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  const { page, problems } = await withFiles([file('master-a.iptables'), file('master-b.iptables')]);
  for (const host of ['master-a', 'master-b']) {
    assert.match(await page.getByLabel(`What ${host}.iptables guards`).inputValue(), new RegExp(`"host":"${host}"`));
    await panel(page).getByRole('heading', { name: new RegExp(`^${host}:`) }).waitFor();
  }
  const format = page.getByLabel('Format of master-a.iptables');
  assert.match(await format.locator('option').first().textContent(), /Detected: iptables-save/);
  await format.selectOption('nft-list');
  await panel(page).getByRole('heading', { name: 'master-a: 4 rules read' }).waitFor();
  await format.selectOption('');
  await panel(page).getByRole('heading', { name: 'master-a: 10 rules read' }).waitFor();
  assert.deepEqual(problems, []);
});

test('without an inventory the rules are looked at for themselves', async () => {
  const { page, problems } = await open(browser.context, server.url);
  await choose(page, 'exports', EXPORT);
  await tab(page, /^Findings ?\d/).waitFor();
  await tab(page, /^Findings/).click();
  await panel(page).getByText(/^master-a\.iptables: \d+ rules read$/).waitFor();
  await panel(page).getByText('Without an inventory').waitFor();
  assert.equal(await panel(page).getByText('required flows').count(), 0);
  assert.deepEqual(problems, []);
});

test('two exports are compared: what a change opens and closes, and the lines that decide', async () => {
  const { page, problems } = await open(browser.context, server.url);
  // Without the line that cannot be read: what depends on it would be a perhaps.
  const text = readFileSync(EXPORT, 'utf8').replace(/^.*-p ipv4.*\n/m, '');
  const changed = text.replace(/^-A INPUT/m, '-A INPUT -s 203.0.113.7/32 -p tcp -m tcp --dport 9999 -j ACCEPT\n-A INPUT');
  const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  await choose(page, 'exports', file('old.iptables', text));
  await tab(page, /^Compare/).click();
  await panel(page).getByText('Open two exports').waitFor();
  await choose(page, 'exports', file('new.iptables', changed));
  await tab(page, /^Compare/).click();
  await panel(page).getByText('Different', { exact: true }).waitFor();
  const first = panel(page).locator('li').first();
  await first.getByText('opened').waitFor();
  assert.match(await first.textContent(), /203\.0\.113\.7/);
  assert.match(await first.textContent(), /tcp 203\.0\.113\.7:\d+ > [\d.]+:9999/);
  await panel(page).getByRole('button', { name: 'Swap' }).click();
  await first.getByText('closed').waitFor();
  await first.getByRole('button', { name: /^Show new\.iptables:\d+$/ }).click();
  await page.locator('[data-line]', { hasText: '--dport 9999' }).first().waitFor();
  assert.deepEqual(problems, []);
});
