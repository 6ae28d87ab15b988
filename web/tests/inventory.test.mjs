// The inventory as a table: what is typed, pasted, dropped, wrong, and taken out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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

const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
const rules = (page) => page.getByRole('tabpanel').locator('tbody tr.rule');
const cell = (page, row, column) => page.locator(`[data-cell="${row} ${column}"]`);
const hosts = (page) => page.getByRole('table', { name: /^Hosts of/ }).getByRole('row');

async function withTable(text, name = 'hosts.csv') {
  const opened = await open(browser.context, server.url);
  await opened.page.locator('input[data-place=inventory]').setInputFiles(file(name, text));
  await rules(opened.page).first().waitFor();
  await opened.page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
  return opened;
}

/** The text as it now is. */
async function text(page) {
  await page.getByRole('button', { name: 'Text', exact: true }).click();
  const value = await page.getByRole('textbox', { name: /^Text of/ }).inputValue();
  await page.getByRole('button', { name: 'Table', exact: true }).click();
  return value;
}

const CSV = 'name,address,roles,cluster\na,10.0.0.1,control-plane,c1\nb,10.0.0.2,worker,c1\n';

test('a cell is edited, a host added and taken out; each can be taken back', async () => {
  const { page, problems } = await withTable(CSV);
  await cell(page, 1, 1).fill('10.0.0.9');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.cell), '2 1', 'Enter goes down');
  await cell(page, 2, 0).fill('c');
  await cell(page, 2, 1).fill('10.0.0.3');
  await cell(page, 2, 2).fill('worker');
  await page.keyboard.press('Enter');
  await cell(page, 3, 0).waitFor();
  assert.equal(await text(page), CSV.replace('10.0.0.2', '10.0.0.9') + 'c,10.0.0.3,worker,c1\n');
  await page.getByRole('button', { name: 'Remove a', exact: true }).click();
  assert.equal(await text(page), 'name,address,roles,cluster\nb,10.0.0.9,worker,c1\nc,10.0.0.3,worker,c1\n');
  for (let step = 0; step < 3; step += 1) await page.getByRole('button', { name: 'Undo' }).click();
  assert.equal(await text(page), CSV);
  assert.deepEqual(problems, []);
});

test('a wrong address: the cell is marked, row and reason are said, the last good result stays', async () => {
  const { page, problems } = await withTable(CSV);
  const before = await rules(page).count();
  await cell(page, 1, 1).fill('10.0.0.300');
  await page.keyboard.press('Tab');
  await page.locator('[data-cell="1 1"][aria-invalid=true]').waitFor();
  const said = page.locator('.problems li').first();
  assert.match(await said.textContent(), /Row 2:.*`?10\.0\.0\.300`? *.*not an address.*IPv4 or IPv6/s);
  assert.equal(await rules(page).count(), before);
  await said.getByRole('button').click();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.cell), '1 1');
  await page.keyboard.type('10.0.0.3');
  await page.keyboard.press('Tab');
  await page.locator('[aria-invalid=true]').waitFor({ state: 'detached' });
  assert.deepEqual(problems, []);
});

test('rows from a spreadsheet are pasted over cells and behind them', async () => {
  const { page } = await withTable(CSV);
  await cell(page, 1, 0).focus();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text', 'x\t10.0.1.1\tworker\nＹ主机\t10.0.1.2\tworker\tc1\n');
    document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await page.getByText('2 rows pasted').waitFor();
  assert.equal(await text(page), 'name,address,roles,cluster\na,10.0.0.1,control-plane,c1\nx,10.0.1.1,worker,c1\nＹ主机,10.0.1.2,worker,c1\n');
});

test('the nodes of a clusterConfig are edited where they stand', async () => {
  const original = readFileSync(fixture('cluster-config.yaml'), 'utf8');
  const { page } = await withTable(original, 'cluster-config.yaml');
  assert.equal(await hosts(page).count(), 1 + 4 + 1);
  await cell(page, 4, 0).fill('worker-b');
  await cell(page, 4, 1).fill('192.168.40.5');
  await page.keyboard.press('Enter');
  await cell(page, 5, 0).waitFor();
  await cell(page, 2, 2).selectOption('worker');
  const changed = await text(page);
  assert.match(changed, / {2}workerNodes:\n {4}- nodeName: worker-a\n {6}ip: 192\.168\.40\.4\n {4}- nodeName: worker-b\n {6}ip: 192\.168\.40\.5\n {4}- nodeName: master-c\n/);
  assert.ok(changed.endsWith('serviceCIDR: 10.233.0.0/18\n'));
});

test('a table from nothing, by keyboard', async () => {
  const { page, problems } = await open(browser.context, server.url);
  await page.getByTestId('version').waitFor();
  await page.getByRole('button', { name: 'New table' }).focus();
  await page.keyboard.press('Enter');
  await cell(page, 0, 0).waitFor();
  for (const [row, host] of [['n1', '10.1.0.1', 'control-plane'], ['n2', '10.1.0.2', 'worker']].entries()) {
    for (const [column, value] of host.entries()) {
      await cell(page, row, column).focus();
      await page.keyboard.type(value);
    }
    await page.keyboard.press('Enter');
    await cell(page, row + 1, 0).waitFor();
  }
  await rules(page).first().waitFor();
  assert.deepEqual(problems, []);
});

test('a thousand hosts: few rows are drawn, the last is reached', async () => {
  const rows = Array.from({ length: 1000 }, (_, index) => `h${index},10.7.${index >> 8}.${index & 255},worker,c1`);
  const { page } = await withTable(`name,address,roles,cluster\n${rows.join('\n')}\n`);
  assert.ok((await hosts(page).count()) < 60);
  await cell(page, 1000, 0).focus();
  await page.locator('.host-table .scroller').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await page.locator('[data-cell="999 0"]').waitFor();
  assert.equal(await cell(page, 999, 0).inputValue(), 'h999');
});

test('inventories of other kinds are dropped anywhere and told apart', async () => {
  const { page, problems } = await open(browser.context, server.url);
  await page.getByTestId('version').waitFor();
  const ini = '[all]\nn1 ansible_host=10.2.0.1\nn2 ansible_host=10.2.0.2\n\n[kube_control_plane]\nn1\n\n[etcd]\nn1\n\n[kube_node]\nn2\n';
  const transfer = await page.evaluateHandle(
    ([ini, csv]) => {
      const data = new DataTransfer();
      data.items.add(new File([ini], 'inventory.ini'));
      data.items.add(new File([csv], 'more.csv'));
      return data;
    },
    [ini, 'name,address,roles\nn3,10.2.0.3,worker\n'],
  );
  await page.locator('body').dispatchEvent('drop', { dataTransfer: transfer });
  await rules(page).first().waitFor();
  await page.getByRole('button', { name: /^inventory\.ini ansible/ }).waitFor();
  await page.getByRole('button', { name: /^more\.csv csv/ }).waitFor();
  assert.deepEqual(problems, []);
});

test('a text that is pasted on the page is opened as what it is', async () => {
  const { page, problems } = await open(browser.context, server.url);
  await page.getByTestId('version').waitFor();
  const paste = (text) =>
    page.evaluate((text) => {
      const data = new DataTransfer();
      data.setData('text', text);
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }, text);
  await paste(readFileSync(fixture('cluster-config.yaml'), 'utf8'));
  await rules(page).first().waitFor();
  await paste(readFileSync(fixture('master-a.iptables'), 'utf8'));
  await page.getByRole('button', { name: /^pasted-2 iptables-save/ }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: /^pasted-2/ }).waitFor({ state: 'detached' });
  assert.deepEqual(problems, []);
});
