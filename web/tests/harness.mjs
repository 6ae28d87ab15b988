// The built page, served as `cargo xtask start` serves it, in a headless Chromium.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';
import { preview } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Serves web/dist on a free port of the loopback interface. A `worker` is a script that stands in
 * for the engine's, for what a sound engine does not do.
 */
export async function serve({ worker } = {}) {
  const standIn = {
    name: 'stand-in',
    configurePreviewServer: ({ middlewares }) => {
      middlewares.use((request, response, next) => {
        if (!worker || !/\/worker-[^/]+\.js$/.test(request.url)) return next();
        response.setHeader('Content-Type', 'text/javascript').end(worker);
      });
    },
  };
  const server = await preview({ root, logLevel: 'error', plugins: [standIn], preview: { host: '127.0.0.1', port: 0 } });
  const { port } = server.httpServer.address();
  return { url: `http://127.0.0.1:${port}/`, port, close: () => server.close() };
}

/** A browser with an empty profile, which asks nothing of the network by itself. */
export async function browse() {
  const profile = mkdtempSync(join(tmpdir(), 'portwright-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/** A page, and everything that went wrong in it: script errors, console errors, blocked requests. */
export async function open(context, url) {
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('requestfailed', (request) => problems.push(`request failed: ${request.url()}`));
  // A request that the policy blocks emits no request event.
  await page.exposeFunction('reportViolation', (what) => problems.push(`policy: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.reportViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(url);
  return { page, problems };
}
