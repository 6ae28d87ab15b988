// What people do with the page, from the example or from files of their own to a finding.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { browse, open, serve } from './harness.mjs';

const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const INVENTORY = fixture('cluster-config.yaml');
const EXPORT = fixture('master-a.iptables');
let server;
let browser;
let elsewhere;

before(async () => {
  [server, browser] = await Promise.all([serve(), browse()]);
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  browser.context.on('request', (request) => {
    if (/^https?:/.test(request.url()) && new URL(request.url()).origin !== new URL(server.url).origin) elsewhere.push(request.url());
  });
});

beforeEach(() => {
  elsewhere = [];
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** The parts of the page that the tests speak of. */
function parts(page) {
  return {
    rules: page.getByRole('tabpanel').locator('tbody tr.rule'),
    tab: (name) => page.getByRole('tab', { name }),
    findings: page.getByRole('tabpanel').locator('section li button'),
    inspector: page.getByRole('region', { name: 'Details', exact: true }),
    choose: (place, files) => page.locator(`input[data-place=${place}]`).setInputFiles(files),
    editor: (name) => page.getByRole('textbox', { name: `Text of ${name}` }),
    status: page.getByRole('status').last(),
  };
}

test('from the example to a finding with its line and a witness; nothing goes wrong, nothing goes elsewhere', async () => {
  const { page, problems } = await open(browser.context, server.url);
  const { rules, findings, inspector, status } = parts(page);
  await page.getByRole('main').getByRole('button', { name: 'Load the example' }).click();
  await rules.first().waitFor();
  assert.match(await status.textContent(), /engine ready.*\d+ rules.*ms/s);

  const heights = await rules.evaluateAll((rows) => [...new Set(rows.map((row) => Math.round(row.getBoundingClientRect().height)))]);
  assert.deepEqual(heights, [66], 'what is drawn is computed from one height of rows');

  await rules.first().getByRole('button').click();
  await inspector.getByText('Published', { exact: true }).first().waitFor();

  await page.getByRole('button', { name: 'Load the export of g-master2' }).click();
  const missing = findings.filter({ hasText: 'missing:' }).first();
  await missing.click();
  const line = Number(/line (\d+)/.exec(await missing.textContent())?.[1]);
  const shown = page.locator(`[data-line="${line}"]`);
  await shown.waitFor();
  assert.ok((await shown.getAttribute('class')).includes('primary'), 'the deciding line is highlighted');
  await inspector.getByRole('button', { name: new RegExp(`:${line}$`) }).first().waitFor();
  const witness = await inspector.getByTestId('witness').textContent();
  assert.match(witness, /\d+\.\d+\.\d+\.\d+(:\d+)? > \d+\.\d+\.\d+\.\d+/);

  await inspector.getByRole('button', { name: 'Copy: Witness packet' }).click();
  await inspector.getByText('Copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), witness);
  await inspector.getByRole('region', { name: /^What PW201/ }).waitFor();

  assert.deepEqual(problems, []);
  assert.deepEqual(elsewhere, []);
});

test('the listener would have seen a request to another origin', async () => {
  const page = await browser.context.newPage();
  await page.evaluate(() => fetch('http://127.0.0.2:9/').catch(() => undefined));
  assert.deepEqual(elsewhere, ['http://127.0.0.2:9/']);
});

test('a mark beside a line leads to its finding', async () => {
  const { page } = await open(browser.context, server.url);
  const { choose, findings, inspector } = parts(page);
  await choose('inventory', [INVENTORY, EXPORT]);
  await findings.first().waitFor();
  const mark = page.locator('[data-line] button').first();
  const message = (await mark.getAttribute('aria-label')).replace(/^Line \d+: /, '').split('; ')[0].replaceAll('`', '');
  await mark.click();
  assert.ok((await inspector.getByRole('heading', { level: 2 }).textContent()).startsWith(message.slice(0, 40)));
});

test('an inventory and an export that nobody has seen before: told apart, the host guessed, the blocked etcd found', async () => {
  const { page, problems } = await open(browser.context, server.url);
  const { choose, rules, tab, findings, inspector } = parts(page);
  await choose('inventory', INVENTORY);
  await rules.first().waitFor();
  await page.getByRole('searchbox').fill('port:2379 to:192.168.40.1');
  await rules.first().waitFor();
  assert.match(await rules.first().textContent(), /TCP/);

  await choose('exports', EXPORT);
  const blocked = findings.filter({ hasText: 'missing:' }).filter({ hasText: '2379' }).first();
  await blocked.click();
  assert.match(await page.getByLabel('What master-a.iptables guards').inputValue(), /"host":"master-a"/);
  await page.locator('[data-line="10"].primary').waitFor();
  assert.match(await inspector.getByTestId('witness').textContent(), /192\.168\.40\.\d+:\d+ > 192\.168\.40\.1:2(379|380)/);
  await tab(/^Rules/).click();
  await rules.first().waitFor();
  assert.deepEqual(problems, []);
});

test('an option changes the rules', async () => {
  const { page } = await open(browser.context, server.url);
  const { choose, rules, status } = parts(page);
  await choose('inventory', INVENTORY);
  await rules.first().waitFor();
  const count = async () => Number(/(\d+) rules/.exec(await status.textContent())?.[1]);
  const before = await count();
  const option = page.locator('select').filter({ has: page.locator('option[value=cilium]') }).first();
  await option.selectOption('cilium');
  await page.getByRole('button', { name: 'Reset options' }).waitFor();
  await page.waitForFunction((old) => !document.querySelector('footer [role=status]').textContent.includes(`${old} rules`), before);
  await page.getByRole('button', { name: 'Reset options' }).click();
  await page.waitForFunction((old) => document.querySelector('footer [role=status]').textContent.includes(`${old} rules`), before);
});

test('bad input: place, remedy, and the last usable result, marked', async () => {
  const { page, problems } = await open(browser.context, server.url);
  const { choose, rules, editor } = parts(page);
  await choose('inventory', INVENTORY);
  await rules.first().waitFor();
  const before = await rules.count();
  await page.getByRole('button', { name: /^cluster-config\.yaml/ }).click();
  await page.getByRole('button', { name: 'Text', exact: true }).click();
  await editor('cluster-config.yaml').fill('clusters: [');
  const alert = page.getByRole('alert').filter({ hasText: 'cannot be used' });
  await alert.waitFor();
  await alert.getByText('What to do').first().waitFor();
  await alert.getByRole('button', { name: /cluster-config\.yaml:\d+/ }).first().click();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'TEXTAREA');
  assert.equal(await rules.count(), before, 'the last result stays');
  await page.getByText('From the last usable input').first().waitFor();

  await editor('cluster-config.yaml').fill(readFileSync(INVENTORY, 'utf8'));
  await alert.waitFor({ state: 'detached' });
  assert.equal(await rules.count(), before);
  assert.deepEqual(problems, []);
});

test('a very long export is drawn in part, and its last line can be reached', async () => {
  const { page } = await open(browser.context, server.url);
  const { choose, rules } = parts(page);
  await choose('inventory', INVENTORY);
  await rules.first().waitFor();
  const many = Array.from({ length: 20_000 }, (_, index) => `-A INPUT -s 172.16.${index >> 8}.${index & 255}/32 -p tcp -m tcp --dport 9 -j DROP`);
  const text = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ...many, 'COMMIT', ''].join('\n');
  await choose('exports', { name: 'long.iptables', mimeType: 'text/plain', buffer: Buffer.from(text) });
  await page.locator('[data-line="1"]').waitFor();
  assert.ok((await page.locator('[data-line]').count()) < 200);
  await page.getByRole('region', { name: /^Text of long\.iptables/ }).evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await page.locator('[data-line="20005"]').getByText('COMMIT').waitFor();
});

test('exports: sheets with a byte-order mark and a line for each rule in sight, Markdown, JSON as the engine gives it', async () => {
  const { page } = await open(browser.context, server.url);
  const { choose, rules, status } = parts(page);
  await choose('inventory', INVENTORY);
  await rules.first().waitFor();
  const take = async (name) => {
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name }).click()]);
    return readFileSync(await download.path());
  };
  const all = Number(/(\d+) rules/.exec(await status.textContent())?.[1]);
  const csv = await take(/^Rules as CSV/);
  assert.deepEqual([...csv.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  assert.equal(csv.toString('utf8').trimEnd().split('\r\n').length, 1 + all);
  assert.equal(JSON.parse(await take(/^Rules as JSON/)).flows.length, all);
  await page.getByRole('searchbox').fill('port:2379');
  const some = await rules.count();
  assert.ok(some > 0 && some < all);
  assert.equal((await take(/^Rules as Markdown/)).toString('utf8').trimEnd().split('\n').length, 2 + some);
  await page.getByRole('button', { name: 'Export', exact: true }).press('ArrowDown');
  assert.equal(await page.getByRole('menuitem', { name: /^Findings as CSV/ }).getAttribute('aria-disabled'), 'true');
  await page.keyboard.press('Escape');
  await choose('exports', EXPORT);
  await page.getByRole('tab', { name: /^Findings ?\d/ }).waitFor();
  assert.match((await take(/^Findings as CSV/)).toString('utf8'), /PW201 missing/);
});

test('the whole way by keyboard alone', async () => {
  const { page } = await open(browser.context, server.url);
  const { rules, inspector } = parts(page);
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      return element === document.body ? '' : (element.getAttribute('aria-label') ?? element.textContent.trim());
    });
  const goTo = async (name) => {
    for (let step = 0; step < 400; step += 1) {
      await page.keyboard.press('Tab');
      if (name.test(await focused())) return;
    }
    assert.fail(`the Tab key does not reach ${name}`);
  };
  await page.getByTestId('version').waitFor();
  await goTo(/^Load the example/);
  await page.keyboard.press('Enter');
  await rules.first().waitFor();
  assert.match(await focused(), /^Rules/, 'the focus goes to what the door has opened');
  await goTo(/^Load the export of g-master2/);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'result-tab-findings');
  await goTo(/missing:/);
  await page.keyboard.press('Enter');
  await inspector.getByTestId('witness').waitFor();
  await goTo(/^Copy: Witness packet/);
  await page.keyboard.press('Enter');
  await inspector.getByText('Copied').waitFor();
});

test('the matrix says the same as the rules, by state once an export is loaded, and its cells lead to rules and findings', async () => {
  const { page, problems } = await open(browser.context, server.url);
  const { choose, rules, tab, inspector } = parts(page);
  await choose('inventory', INVENTORY);
  await rules.first().waitFor();
  await tab(/^Matrix/).click();
  const cells = page.getByRole('tabpanel').locator('td button');
  await cells.first().waitFor();
  assert.equal(await page.getByRole('tabpanel').locator('.state').count(), 0, 'no state without an export');
  await choose('exports', EXPORT);
  await tab(/^Findings ?\d/).waitFor();
  await tab(/^Matrix/).click();
  const missing = page.getByRole('tabpanel').getByRole('button', { name: /missing: [1-9]/ }).first();
  await missing.focus();
  await page.keyboard.press('Enter');
  await inspector.getByRole('button', { name: /missing/ }).first().click();
  await inspector.getByRole('button', { name: /^Show the finding at master-a/ }).first().click();
  await inspector.getByTestId('witness').waitFor();
  await tab(/^Matrix/).click();
  await page.getByRole('searchbox').fill('role:etcd port:2379');
  const few = await cells.count();
  await page.getByRole('searchbox').fill('state:missing');
  await missing.waitFor();
  assert.equal(await page.getByRole('tabpanel').locator('.legend ~ * .open, td .open').count(), 0);
  assert.ok(few > 0);
  const first = cells.first();
  await page.getByRole('searchbox').fill('');
  await first.focus();
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await page.evaluate(() => document.activeElement.textContent), await first.textContent());
  assert.deepEqual(problems, []);
});

test('once the engine is there, the page does without its server', async () => {
  const { page } = await open(browser.context, server.url);
  const { rules, findings, inspector } = parts(page);
  await page.getByTestId('version').waitFor();
  await page.waitForLoadState('networkidle');
  await browser.context.setOffline(true);
  try {
    await page.getByRole('main').getByRole('button', { name: 'Load the example' }).click();
    await rules.first().waitFor();
    await page.getByRole('button', { name: 'Load the export of g-master2' }).click();
    await findings.first().click();
    await inspector.locator('.markdown p').first().waitFor();
  } finally {
    await browser.context.setOffline(false);
  }
});
