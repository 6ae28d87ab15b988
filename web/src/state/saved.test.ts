import { expect, test } from 'vitest';

import { type Content, EMPTY } from './project.svelte';
import { NotOpened, fromFile, fromHash, isFile, isLink, toFile, toHash } from './saved';

const CONTENT: Content = {
  inventory: [{ name: 'a.yaml', text: 'ip: 10.0.0.1\r\nansiblePass: c4n4ry\n主机: x' }],
  exports: [{ name: 'e', text: '-A INPUT -m comment --comment k4n4rie -j DROP', guards: { between: ['a', 'b'] }, dialect: 'iptables-save' }],
  catalogs: [{ name: 'c', text: '' }],
  parameters: { z: true, cni: 'cilium', port: 1 },
  mode: 'least-privilege',
};
const MADE = { catalog: 'dce', version: '5.0' };
const clean = { ...CONTENT, inventory: [{ name: 'a.yaml', text: 'ip: 10.0.0.1\r\nansiblePass: removed\n主机: x' }] };

test('a file holds everything but secrets, line by line, and is the same for the same document', () => {
  const { text, removed } = toFile(CONTENT, MADE);
  expect(removed).toBe(1);
  expect(text).not.toContain('c4n4ry');
  expect(text).toContain('"ip: 10.0.0.1\\r",\n');
  expect(isFile(text)).toBe(true);
  const opened = fromFile(text);
  expect(opened).toEqual({ content: clean, madeWith: MADE, left: 0 });
  expect(toFile(opened.content, MADE).text).toBe(text);
  expect(toFile({ ...CONTENT, parameters: { cni: 'cilium', port: 1, z: true } }, MADE).text).toBe(text);
});

test('a link holds no export and no secret, and says how many exports there were', async () => {
  const { hash, removed } = await toHash(CONTENT, MADE);
  expect(removed).toBe(1);
  expect(isLink(hash)).toBe(true);
  expect(hash).toMatch(/^#p1=[\w-]+$/);
  expect(await fromHash(hash)).toEqual({ content: { ...clean, exports: [] }, madeWith: MADE, left: 1 });
  const other = await toHash({ ...CONTENT, exports: [{ name: 'other', text: 'other', guards: undefined }] }, MADE);
  expect(other.hash).toBe(hash);
});

test('an empty document, made with nothing', async () => {
  expect(await fromHash((await toHash(EMPTY, undefined)).hash)).toEqual({ content: EMPTY, madeWith: undefined, left: 0 });
});

const file = (change: object) => JSON.stringify({ format: 'portwright-project', version: 1, ...change });
const refused: [string, string, 'damaged' | 'newer'][] = [
  ['no JSON', '{', 'damaged'],
  ['another format', '{"format": "x", "version": 1}', 'damaged'],
  ['a newer version', file({ version: 2 }), 'newer'],
  ['a text that is none', file({ inventory: [{ name: 'a', text: 'x' }] }), 'damaged'],
  ['two of one name', file({ inventory: [{ name: 'a', text: [] }], exports: [{ name: 'a', text: [] }] }), 'damaged'],
  ['a parameter that is no scalar', file({ parameters: { a: [] } }), 'damaged'],
  ['an unknown mode', file({ mode: 'x' }), 'damaged'],
  ['guards without a host', file({ exports: [{ name: 'a', text: [], guards: {} }] }), 'damaged'],
];
test.each(refused)('%s is refused', (_, text, why) => {
  expect(() => fromFile(text)).toThrow(expect.objectContaining({ why }));
});

test('links that are cut, of a newer format, or that unpack to very much are refused', async () => {
  const { hash } = await toHash(CONTENT, MADE);
  const bomb = await toHash({ ...EMPTY, inventory: [{ name: 'a', text: 'x'.repeat(40e6) }] }, undefined);
  for (const bad of [hash.slice(0, -8), '#p1=%%%', '#p2=x', bomb.hash]) await expect(fromHash(bad)).rejects.toBeInstanceOf(NotOpened);
});
