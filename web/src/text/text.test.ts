import { expect, test } from 'vitest';

import type { ResolveResult } from '../engine/types';
import { cell, rulesCsv } from './csv';
import { matcher } from './filter';
import { flowRows, protocolName } from './flows';
import { messages } from './messages';

const group = (id: string, title: string, roles: string[], ipv4: string[]) => ({ id, title, kind: 'hosts', roles, members: [`${id}-1`], ipv4, ipv6: [] });
const RESULT: ResolveResult = {
  catalog: 'dce',
  catalog_version: '5.0',
  title: 'DCE',
  mode: 'as-published',
  clusters: [],
  hosts: [],
  groups: [group('node', 'Nodes', ['node', 'worker'], ['10.0.0.0/29']), group('etcd', 'etcd 成员', ['etcd'], ['10.0.0.1/32'])],
  flows: [
    { id: 'a', family: 'ipv4', from: 'node', to: 'etcd', protocol: 'tcp', ports: '2379-2380', need: 'required', because: [{ requirement: 'k/etcd', from_role: 'node', to_role: 'etcd' }], erratum: false },
    { id: 'b', family: 'ipv4', from: 'etcd', to: 'node', protocol: '4', ports: '', need: 'metrics', because: [], erratum: false },
  ],
  requirements: [{ id: 'k/etcd', title: '=cmd|"etcd", clients', need: 'required', citation: 'page, row 3' }],
  unmatched: [],
};
const rows = flowRows(RESULT);
const found = (filter: string) => rows.filter(matcher(filter)).map(({ flow }) => flow.id);

const filters: [string, string[]][] = [
  ['', ['a', 'b']],
  ['port:2380', ['a']],
  ['port:2381', []],
  ['port:2379-2380', ['a']],
  ['from:etcd', ['b']],
  ['to:etcd', ['a']],
  ['to:10.0.0.1', ['a']],
  ['role:worker', ['a', 'b']],
  ['proto:ip-in-ip', ['b']],
  ['need:metr', ['b']],
  ['ETCD port:2379', ['a']],
  ['成员', ['a', 'b']],
  ['port:x', []],
];
test.each(filters)('the filter `%s`', (filter, expected) => expect(found(filter)).toEqual(expected));

const protocols: [string, 'ipv4' | 'ipv6', string][] = [
  ['tcp', 'ipv4', 'TCP'],
  ['icmp', 'ipv6', 'ICMPv6'],
  ['4', 'ipv4', 'IP 4 (IP-in-IP)'],
  ['200', 'ipv4', 'IP 200'],
];
test.each(protocols)('protocol %s in %s', (protocol, family, expected) => expect(protocolName({ protocol, family })).toBe(expected));

const cells: [string, string][] = [
  ['plain', 'plain'],
  ['=1+1', "'=1+1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['-1', "'-1"],
  ['\t=1', "'\t=1"],
  ['a,b', '"a,b"'],
  ['say "x"', '"say ""x"""'],
  ['=a,b', '"\'=a,b"'],
];
test.each(cells)('the cell `%s`', (text, expected) => expect(cell(text)).toBe(expected));

test('the sheet begins with a byte-order mark, ends its lines as RFC 4180 says and has a line for each rule', () => {
  const [header, first, ...others] = rulesCsv(rows, messages.zh).split('\r\n');
  expect(header?.startsWith('\uFEFF源,源: 地址,目的')).toBe(true);
  expect(first).toBe(`Nodes,10.0.0.0/29,etcd 成员,10.0.0.1/32,TCP,2379-2380,必需,"'=cmd|""etcd"", clients","page, row 3",`);
  expect(others).toHaveLength(2);
});

test('both languages say the same things', () => {
  const shape = (value: unknown): unknown =>
    typeof value === 'object' && value ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)])) : typeof value;
  expect(shape(messages.zh)).toEqual(shape(messages.en));
  expect(JSON.stringify(messages.zh)).not.toBe(JSON.stringify(messages.en));
});
