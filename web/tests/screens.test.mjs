// How the page looks and whether axe finds fault, in both languages, both themes, on every width.
// Screenshots go to tests/artefacts/.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { browse, open, serve } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const artefacts = fileURLToPath(new URL('../../tests/artefacts/', import.meta.url));
const SIZES = [
  [1440, 900],
  [1024, 768],
  [390, 844],
];
let server;
let browser;

before(async () => {
  mkdirSync(artefacts, { recursive: true });
  [server, browser] = await Promise.all([serve(), browse()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** Each view, reached from the one before. */
const VIEWS = [
  ['welcome', async (page) => page.getByTestId('version').waitFor({ state: 'attached' })],
  [
    'rule',
    async (page) => {
      await page.getByRole('main').locator('.door').first().click();
      await page.locator('tr.rule button').first().click();
    },
  ],
  [
    'table',
    async (page) => {
      await page.locator('.inputs .row .name').first().click();
      await page.locator('[data-cell="1 1"]').fill('10.16.10.300');
      await page.keyboard.press('Tab');
      await page.locator('[aria-invalid=true]').waitFor();
    },
  ],
  [
    'menu',
    async (page) => {
      await page.locator('header .actions > button').first().click();
      await page.locator('[aria-invalid=true]').waitFor({ state: 'detached' });
      await page.locator('header .menu button').last().click();
    },
    'no panes',
  ],
  [
    'keys',
    async (page) => {
      await page.keyboard.press('Escape');
      await page.locator('header .actions > button').last().click();
    },
    'no panes',
  ],
  [
    'finding',
    async (page) => {
      await page.keyboard.press('Escape');
      await page.locator('.hosts button', { hasText: 'g-master2' }).click();
      await page.locator('[role=tabpanel] section li button').first().click();
      await page.getByTestId('witness').waitFor();
    },
  ],
  [
    'matrix',
    async (page) => {
      await page.locator('#result-tab-matrix').click();
      await page.locator('td .missing').first().click();
    },
  ],
  [
    'trace',
    async (page) => {
      await page.locator('#result-tab-trace').click();
      await page.locator('.tracer .link').first().click();
      await page.locator('.outcome').waitFor();
    },
  ],
  [
    'whatif',
    async (page) => {
      await page.locator('#result-tab-whatif').click();
      await page.locator('.what-if .primary').click();
      await page.locator('select:has(option[value=cilium])').first().selectOption('cilium');
      await page.locator('li.added').first().waitFor();
    },
  ],
  [
    'shared',
    async (page) => {
      await page.locator('header .actions > button').nth(2).click();
      await page.locator('.told p').waitFor();
    },
  ],
  [
    'compare',
    async (page) => {
      await page.locator('#result-tab-compare').click();
      await page.locator('.compare').waitFor();
    },
  ],
  ['messages', async (page) => page.locator('#result-tab-messages').click()],
];

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`${language}, ${theme}`, async () => {
      const { page, problems } = await open(browser.context, server.url);
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.locator('header select').first().selectOption(language);
      await page.locator('header select').last().selectOption(theme);
      for (const [view, reach, alone] of VIEWS) {
        await reach(page);
        for (const [width, height] of SIZES) {
          await page.setViewportSize({ width, height });
          await check(page, `${view}-${width}-${language}-${theme}`);
          if (width < 1200 && !alone) await eachPane(page, `${view}-${width}-${language}-${theme}`);
        }
        await page.setViewportSize({ width: 1440, height: 900 });
      }
      assert.deepEqual(problems, []);
    });
  }
}

async function eachPane(page, name) {
  const tabs = page.locator('nav button');
  for (let index = 0; index < (await tabs.count()); index += 1) {
    await tabs.nth(index).click();
    await check(page, `${name}-pane${index + 1}`);
  }
  await tabs.nth(1).click();
}

async function check(page, name) {
  await page.screenshot({ path: `${artefacts}${name}.png` });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, `${name} is ${wider} pixels wider than the screen`);
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${name}: ${id}: ${node.target} ${node.failureSummary}`));
  assert.deepEqual(found, []);
  assert.ok(passes.length > 0, 'axe checked something');
}
