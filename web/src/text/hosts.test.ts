import { expect, test } from 'vitest';

import { EXAMPLE_SITE } from '../example';
import { TEMPLATE } from '../template';
import { hostTable } from './hosts';

const CONFIG = `kind: ClusterConfig
spec:
  masterNodes:
    - nodeName: m1 # first
      ip: 10.0.0.1
      ansiblePass: "x: y"
      nodeTaints:
        - a=b:NoSchedule

    # the second
    - nodeName: 'm2'
      ip: "10.0.0.2"
  network:
    cni: calico
`;
const table = (text: string) => {
  const found = hostTable(text);
  if (!found) throw new Error('no table');
  return found;
};
const cells = (text: string) => table(text).rows.map(({ cells }) => cells.join(' '));

test('nodes of a clusterConfig', () => {
  expect(cells(CONFIG)).toEqual(['m1 10.0.0.1 control-plane', 'm2 10.0.0.2 control-plane']);
  expect(cells(TEMPLATE)).toHaveLength(3);
  const example = EXAMPLE_SITE.find(({ name }) => name === 'cluster-config.yaml');
  expect(cells(example?.text ?? '')).toHaveLength(7);
});

const edits: [string, string, string][] = [
  ['an address', table(CONFIG).set([{ row: 0, column: 1, value: '10.9.9.9' }]), CONFIG.replace('10.0.0.1', '10.9.9.9')],
  ['a quoted name', table(CONFIG).set([{ row: 1, column: 0, value: 'x' }]), CONFIG.replace("'m2'", 'x')],
  ['a name that YAML would take for a number', table(CONFIG).set([{ row: 1, column: 0, value: '12' }]), CONFIG.replace("'m2'", '"12"')],
  ['an empty address', table(CONFIG).set([{ row: 0, column: 1, value: '' }]), CONFIG.replace('10.0.0.1', '""')],
  ['a host out', table(CONFIG).remove(1), CONFIG.replace("    - nodeName: 'm2'\n      ip: \"10.0.0.2\"\n", '')],
  [
    'a worker in: its list is made',
    table(CONFIG).add([{ name: 'w1', address: 'fd00::1', roles: 'worker' }]),
    CONFIG.replace('  network:', '  workerNodes:\n    - nodeName: w1\n      ip: fd00::1\n  network:'),
  ],
  ['a role', table(CONFIG).set([{ row: 1, column: 2, value: 'worker' }]), CONFIG.replace("\n\n    # the second\n    - nodeName: 'm2'\n      ip: \"10.0.0.2\"\n", "\n  workerNodes:\n    - nodeName: 'm2'\n      ip: \"10.0.0.2\"\n\n    # the second\n")],
];
test.each(edits)('%s', (_, edited, expected) => expect(edited).toBe(expected));

test('the last one out leaves an empty list, into which one comes again', () => {
  const one = table(CONFIG).remove(1);
  const none = table(one).remove(0);
  expect(none).toContain('masterNodes: []');
  expect(cells(table(none).add([{ name: 'a', address: '10.0.0.7', roles: 'control-plane' }]))).toEqual(['a 10.0.0.7 control-plane']);
});

test('Windows lines stay', () => {
  const text = table(CONFIG.replaceAll('\n', '\r\n')).add([{ name: 'w', address: '10.0.0.3' }]);
  expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  expect(cells(text)).toHaveLength(3);
});

const asText: [string, string][] = [
  ['flow mappings', 'kind: ClusterConfig\nspec:\n  masterNodes:\n    - {nodeName: a, ip: 10.0.0.1}\n'],
  ['an alias', 'kind: ClusterConfig\nspec:\n  masterNodes:\n    - nodeName: a\n      ip: *x\n'],
  ['two documents', `${CONFIG}---\n${CONFIG}`],
  ['no address', 'kind: ClusterConfig\nspec:\n  masterNodes:\n    - nodeName: a\n'],
  ['another kind', CONFIG.replace('ClusterConfig', 'Cluster')],
];
test.each(asText)('%s: edited as text', (_, text) => expect(hostTable(text)).toBeUndefined());

const places: [string, string, [number, number, number], string, [number, number] | undefined][] = [
  ['a cell', 'name,address\na,10.0.0.300\n', [2, 3, 13], 'the address of host `a` is `10.0.0.300`', [0, 1]],
  ['an empty cell', 'name,address,roles\na,,x\n', [2, 1, 2], 'host `a` has no address', [0, 0]],
  ['a quoted row', 'name,address\n"b","10.0.0.2x"\n', [2, 1, 16], 'the address of host `b` is `10.0.0.2x`', [0, 1]],
  ['an address of a clusterConfig', CONFIG, [5, 11, 19], '', [0, 1]],
  ['the rest of a node', CONFIG, [6, 20, 21], '', [0, 0]],
  ['elsewhere', CONFIG, [14, 1, 2], '', undefined],
];
test.each(places)('a place: %s', (_, text, [line, column, end_column], message, cell) => {
  expect(table(text).locate({ line, column, end_column }, message)).toEqual(cell && { row: cell[0], column: cell[1] });
});
