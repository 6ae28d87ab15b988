import { expect, test } from 'vitest';

import type { ExportData, LintResult, ResolveResult } from '../engine/types';
import { cell, findingsSheet, rulesSheet, toCsv, toMarkdown } from './csv';
import { matcher } from './filter';
import { type FlowRow, flowRows, protocolName } from './flows';
import { matrixOf, pairKey, services } from './matrix';
import { messages } from './messages';
import { flowStates } from './states';
import { differences } from './whatif';

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
  const [header, first, ...others] = toCsv(rulesSheet(rows, messages.zh)).split('\r\n');
  expect(header?.startsWith('\uFEFF源,源: 地址,目的')).toBe(true);
  expect(first).toBe(`Nodes,10.0.0.0/29,etcd 成员,10.0.0.1/32,TCP,2379-2380,必需,"'=cmd|""etcd"", clients","page, row 3",`);
  expect(others).toHaveLength(2);
});

test('findings as a sheet, and a sheet as Markdown: nothing in a cell ends it', () => {
  const finding = { severity: 'error' as const, code: 'PW201', name: 'missing', guards: 'h', message: 'a | b\\', places: [], fingerprint: '', fix: { text: 'x', replace: false, lines: ['-A <x>', '-B'] } };
  const sheet = findingsSheet([finding], messages.en);
  expect(sheet.lines[0]).toHaveLength(sheet.header.length);
  expect(toMarkdown(sheet).split('\n')[2]).toBe('| error | PW201 missing | h | a \\| b\\\\ |  |  | -A &lt;x><br>-B |');
  expect(toCsv(sheet)).toContain(`"'-A <x>\n-B"`);
});

const lint = (change: Partial<LintResult>): LintResult => ({
  exports: [{ guards: 'node-1', documents: [], dialects: [], rules: 1, checked: 2, not_modelled: [] }],
  findings: [],
  requirements: [],
  summary: { errors: 0, warnings: 0, notes: 0, unknown: 0, checked: 2, permitted: 2, suppressed: 0, known: 0 },
  ...change,
});
const finding = (name: string, flow: string) => ({ name, flow, guards: 'node-1', hook: 'input', severity: 'error' as const, code: '', message: '', places: [], fingerprint: '' });
const said = (family: string) => ({ code: 'PW202', name: 'unknown', severity: 'warning' as const, message: `node-1 needs ${family} flows, but no ${family} rules were given: they are unknown`, places: [] });
const hosts = [{ name: 'node-1', addresses: [], roles: [] }, { name: 'other', addresses: [], roles: [] }];
const judged: [string, LintResult, ReturnType<typeof said>[], string[]][] = [
  ['all permitted', lint({}), [], ['open', 'open']],
  ['one missing', lint({ findings: [finding('missing', 'a')], summary: { ...lint({}).summary, permitted: 1 } }), [], ['missing', 'open']],
  ['one unknown', lint({ findings: [finding('unknown', 'b')], summary: { ...lint({}).summary, permitted: 1 } }), [], ['open', 'unknown']],
  ['a finding that is no gap', lint({ findings: [finding('excess', 'a')] }), [], ['open', 'open']],
  ['a suppressed gap makes what it may be about unknown', lint({ summary: { ...lint({}).summary, permitted: 1, suppressed: 1 } }), [], ['unknown', 'unknown']],
  ['the rules of the family were not given', lint({}), [said('IPv4')], ['unknown', 'unknown']],
  ['those of the other were not', lint({}), [said('IPv6')], ['open', 'open']],
  ['an export that the flows do not pass', lint({ exports: [{ ...(lint({}).exports[0] as ExportData), guards: 'other' }] }), [], ['unchecked', 'unchecked']],
];
test.each(judged)('states: %s', (_, linted, diagnostics, expected) => {
  const states = flowStates(rows, linted, diagnostics, hosts);
  expect(['a', 'b'].map((id) => states.get(id)?.state)).toEqual(expected);
});

test('a border is passed by flows between its zones only', () => {
  const zoned = [{ name: 'node-1', addresses: [], roles: [], zone: 'a' }, { name: 'etcd-1', addresses: [], roles: [], zone: 'b' }];
  const border = (guards: string) => flowStates(rows, lint({ exports: [{ ...(lint({}).exports[0] as ExportData), guards }] }), [], zoned).get('a');
  expect(border('a and b')).toEqual({ state: 'open', guards: ['a and b'] });
  expect(border('a and c')?.state).toBe('unchecked');
});

test('the matrix has a cell for each pair, with its services', () => {
  const { sources, destinations, cells } = matrixOf([...rows, ...rows]);
  expect([sources.length, destinations.length, cells.size]).toEqual([2, 2, 2]);
  expect(services(cells.get(pairKey('node', 'etcd')) ?? [], 'any')).toEqual(['TCP 2379-2380']);
  expect(services(cells.get(pairKey('etcd', 'node')) ?? [], 'any')).toEqual(['IP 4 (IP-in-IP) any']);
});

test('what came, what went, and whose addresses changed', () => {
  const [a, b] = rows as [FlowRow, FlowRow];
  const grown = { ...a, fromPrefixes: [...a.fromPrefixes, '10.0.0.9/32'], toPrefixes: ['10.0.0.2/32'] };
  expect(differences(rows, rows)).toEqual([]);
  expect(differences([a], [grown, b]).map(({ kind, row, gained, lost }) => [kind, row.flow.id, gained, lost])).toEqual([
    ['added', 'b', [], []],
    ['changed', 'a', ['10.0.0.9/32', '10.0.0.2/32'], ['10.0.0.1/32']],
  ]);
  expect(differences(rows, [b])).toEqual([{ kind: 'removed', row: a, gained: [], lost: [] }]);
  expect(differences([a], [{ ...a, flow: { ...a.flow, need: 'optional' } }])).toHaveLength(1);
});

test('both languages say the same things', () => {
  const shape = (value: unknown): unknown =>
    typeof value === 'object' && value ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)])) : typeof value;
  expect(shape(messages.zh)).toEqual(shape(messages.en));
  expect(JSON.stringify(messages.zh)).not.toBe(JSON.stringify(messages.en));
});
