import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Nothing leaves the page: scripts, WASM and styles come from its own origin, and so does all else. */
const directives = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
];
// Only a header can say the last one.
const contentSecurityPolicy = [...directives, "frame-ancestors 'none'"].join('; ');

/** The built page carries its policy with it, whoever serves it. */
const policyInPage: Plugin = {
  name: 'policy-in-page',
  apply: 'build',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: directives.join('; ') }, injectTo: 'head-prepend' },
  ],
};

export default defineConfig({
  plugins: [svelte(), policyInPage],
  // The example is embedded from examples/.
  server: { fs: { allow: ['..'] } },
  // Works from any folder of a web server.
  base: './',
  // One page: an unknown path is an error, not the page again.
  appType: 'mpa',
  build: {
    target: 'es2022',
    // Assets stay files: inlined WASM would be a third larger and blocked by the policy above.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  worker: { format: 'es' },
  preview: {
    headers: {
      'Content-Security-Policy': contentSecurityPolicy,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    },
  },
  test: { include: ['src/**/*.test.ts'] },
});
