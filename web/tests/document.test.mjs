// The document outlives steps back, reloads, links and files; exports and secrets stay where they are.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { browse, open, serve } from './harness.mjs';

const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const INVENTORY = fixture('cluster-config.yaml');
const EXPORT = fixture('master-a.iptables');
const CANARY = 'c4n4ry';
let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([serve(), browse()]);
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const choose = (page, place, files) => page.locator(`input[data-place=${place}]`).setInputFiles(files);
const rules = (page) => page.getByRole('tabpanel').locator('tbody tr.rule');
const count = async (page) => Number(/(\d+) rules/.exec(await page.getByRole('status').last().textContent())?.[1]);
const waitForCount = (page, wanted, is = true) =>
  page.waitForFunction(([n, yes]) => [...document.querySelectorAll('[role=status]')].some((e) => e.textContent.includes(`${n} rules`)) === yes, [wanted, is]);
const cni = (page) => page.locator('select').filter({ has: page.locator('option[value=cilium]') }).first();

async function withInventory(url = server.url) {
  const opened = await open(browser.context, url);
  await choose(opened.page, 'inventory', INVENTORY);
  await rules(opened.page).first().waitFor();
  return opened;
}

async function share(page) {
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByText('Link copied').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(page.url(), link, 'the address is the link');
  return link;
}

test('steps back and forward change the rules, and starting over can be taken back', async () => {
  const { page, problems } = await withInventory();
  const before = await count(page);
  await cni(page).selectOption('cilium');
  await waitForCount(page, before, false);
  const button = (name) => page.getByRole('button', { name, exact: true });
  await button('Undo').click();
  await waitForCount(page, before);
  await button('Redo').click();
  await waitForCount(page, before, false);
  await button('Project').click();
  await page.getByRole('menuitem', { name: /^Start over/ }).click();
  await page.getByRole('button', { name: 'Load the example' }).first().waitFor();
  await button('Undo').click();
  await rules(page).first().waitFor();
  assert.equal(await cni(page).inputValue(), 'cilium');
  assert.deepEqual(problems, []);
});

test('a link gives the same document elsewhere and after a reload; looking around does not alter it', async () => {
  const { page, problems } = await withInventory();
  const calico = await count(page);
  await cni(page).selectOption('cilium');
  await waitForCount(page, calico, false);
  const link = await share(page);
  const wanted = await count(page);

  for (const tab of [/^Messages/, /^Findings/, /^Rules/]) await page.getByRole('tab', { name: tab }).click();
  await page.getByRole('searchbox').fill('etcd');
  await rules(page).first().getByRole('button').click();
  await page.waitForTimeout(600);
  assert.equal(page.url(), link);

  const other = await browse();
  try {
    for (const page of [(await open(other.context, link)).page]) {
      await rules(page).first().waitFor();
      assert.equal(await count(page), wanted);
      assert.equal(await cni(page).inputValue(), 'cilium');
      assert.equal(page.url(), link);
    }
  } finally {
    await other.close();
  }

  await cni(page).selectOption('');
  await waitForCount(page, calico);
  await page.waitForFunction((old) => location.href !== old, link);
  await page.reload();
  await rules(page).first().waitFor();
  assert.equal(await count(page), calico);
  assert.deepEqual(problems, []);
});

test('before it is shared the document outlives a reload, too, and the address does not have it', async () => {
  const { page } = await withInventory();
  const before = await count(page);
  await page.waitForFunction(() => sessionStorage.length > 0);
  assert.equal(page.url(), server.url);
  await page.reload();
  await rules(page).first().waitFor();
  assert.equal(await count(page), before);
});

test('a canary in an export, and one that is a password, are in no address, storage or request', async () => {
  const { page } = await open(browser.context, server.url);
  const sent = [];
  page.on('request', (request) => sent.push(request.url(), request.postData() ?? ''));
  const secret = readFileSync(INVENTORY, 'utf8').replace('      ip: 192.168.40.4\n', `      ip: 192.168.40.4\n      ansiblePass: ${CANARY}\n`);
  assert.ok(secret.includes(CANARY));
  await choose(page, 'inventory', { name: 'cluster-config.yaml', mimeType: 'text/yaml', buffer: Buffer.from(secret) });
  await rules(page).first().waitFor();
  const text = readFileSync(EXPORT, 'utf8').replace('COMMIT', `-A INPUT -s 172.31.9.9/32 -m comment --comment ${CANARY} -j DROP\nCOMMIT`);
  await choose(page, 'exports', { name: 'master-a.iptables', mimeType: 'text/plain', buffer: Buffer.from(text) });
  await page.getByRole('tab', { name: /^Findings ?\d/ }).waitFor();
  await share(page);
  await page.getByText('It does not hold the firewall export.').waitFor();
  await page.getByText('1 secret was left out.').waitFor();
  await page.waitForTimeout(600);
  const kept = await page.evaluate(async () => {
    const inflate = async (link) => {
      const packed = Uint8Array.from(atob(link.replace(/^.*#p1=/, '').replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
      return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text();
    };
    const links = [location.href, ...Object.values(sessionStorage)].filter((text) => text.includes('#p1='));
    return { plain: [location.href, document.cookie, ...Object.entries(sessionStorage).flat(), ...Object.entries(localStorage).flat()], inflated: await Promise.all(links.map(inflate)) };
  });
  assert.ok(kept.inflated.length > 0 && kept.inflated.every((text) => text.includes('192.168.40.4')), 'the links were read');
  assert.ok(![...sent, ...kept.plain, ...kept.inflated].some((text) => text.includes(CANARY)));

  await page.reload();
  await page.getByText('Links and reloads leave exports out').waitFor();
});

test('a project as a file: the exports come with it, the same file again for the same project', async () => {
  const { page, problems } = await withInventory();
  await choose(page, 'exports', EXPORT);
  await page.getByRole('tab', { name: /^Findings ?\d/ }).waitFor();
  const findings = await page.getByRole('tab', { name: /^Findings ?\d/ }).textContent();
  const save = async (page) => {
    await page.getByRole('button', { name: 'Project', exact: true }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /^Save/ }).click()]);
    assert.match(download.suggestedFilename(), /\.portwright\.json$/);
    return readFileSync(await download.path(), 'utf8');
  };
  const saved = await save(page);
  const again = await open(browser.context, server.url);
  await again.page.locator('header input[type=file]').setInputFiles({ name: 'p.portwright.json', mimeType: 'application/json', buffer: Buffer.from(saved) });
  await again.page.getByRole('tab', { name: /^Findings ?\d/ }).waitFor();
  assert.equal(await again.page.getByRole('tab', { name: /^Findings ?\d/ }).textContent(), findings);
  assert.equal(await save(again.page), saved);
  assert.deepEqual([...problems, ...again.problems], []);
});

test('a damaged file and a newer link say what is wrong, and nothing is lost', async () => {
  const { page } = await withInventory();
  const bad = { name: 'p.portwright.json', mimeType: 'application/json', buffer: Buffer.from('{"format": "portwright-project", "version": 1, "inventory": 3}') };
  await page.locator('header input[type=file]').setInputFiles(bad);
  await page.getByRole('alert').getByText('is damaged or incomplete').waitFor();
  await page.evaluate(() => (location.hash = '#p9=abc'));
  await page.getByRole('alert').getByText('newer Portwright').waitFor();
  assert.ok((await rules(page).count()) > 0);
});

// A link of the first released format, made once; it must open for ever. It is of catalogue 4.9.
const FIRST_LINK = fixture('link-of-format-1.txt');
test('a link of the first format opens, and says that it was made with another catalogue', async () => {
  const hash = readFileSync(FIRST_LINK, 'utf8').trim();
  const { page, problems } = await open(browser.context, `${server.url}${hash}`);
  await rules(page).first().waitFor();
  await page.getByText('Made with the catalogue dce 4.9').waitFor();
  assert.equal(await cni(page).inputValue(), 'cilium');
  await page.getByRole('button', { name: /^first\.yaml/ }).click();
  await page.getByRole('button', { name: 'Text', exact: true }).click();
  assert.match(await page.getByRole('textbox', { name: 'Text of first.yaml' }).inputValue(), /clusterName: unseen/);
  assert.deepEqual(problems, []);
});
