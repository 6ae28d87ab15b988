import { expect, test } from 'vitest';

import { addRows, readPasted, readTable, removeRow, setCell } from './table';

const TEXT = 'Host,IP,Role,Note\na,10.0.0.1,worker,x\n"b ""c""","10.0.0.2,\n10.0.0.3",,\n\nd,10.0.0.4\n';

test('rows, their lines, and what the columns mean', () => {
  const table = readTable(TEXT);
  expect(table?.columns).toEqual(['name', 'address', 'roles', undefined]);
  expect(table?.rows.map(({ cells, line }) => [line, ...cells])).toEqual([
    [2, 'a', '10.0.0.1', 'worker', 'x'],
    [3, 'b "c"', '10.0.0.2,\n10.0.0.3', '', ''],
    [6, 'd', '10.0.0.4'],
  ]);
  expect(table?.rows[0]?.spans?.[1]).toEqual([2, 10]);
  expect(table?.rows[1]?.spans).toBeUndefined();
});

test('what is no table of hosts is none', () => {
  for (const text of ['', 'a: 1\n', 'name,colour\nx,red\n']) expect(readTable(text)).toBeUndefined();
});

const edits: [string, string, string][] = [
  ['one cell', setCell(TEXT, 0, 1, '10.9.9.9'), TEXT.replace('10.0.0.1', '10.9.9.9')],
  ['a cell that needs quotes', setCell(TEXT, 0, 1, '10.0.0.1,fd00::1'), TEXT.replace('10.0.0.1', '"10.0.0.1,fd00::1"')],
  ['a cell that the row lacks', setCell(TEXT, 2, 3, 'y'), TEXT.replace('d,10.0.0.4', 'd,10.0.0.4,,y')],
  ['a row out', removeRow(TEXT, 1), 'Host,IP,Role,Note\na,10.0.0.1,worker,x\n\nd,10.0.0.4\n'],
  ['the last row out, without a line end', removeRow('name,ip\na,1', 0), 'name,ip\n'],
  ['a row in', addRows(TEXT, [{ name: 'e', address: '10.0.0.5' }]), `${TEXT}e,10.0.0.5,,\n`],
  ['a row in, and its column', addRows('name;ip\r\na;1', [{ name: 'b', cluster: 'c1' }]), 'name;ip;cluster\r\na;1\r\nb;;c1\r\n'],
  ['behind a byte-order mark', setCell('\uFEFFname\tip\na\t1\n', 0, 0, 'z'), '\uFEFFname\tip\nz\t1\n'],
];
test.each(edits)('%s', (_, edited, expected) => expect(edited).toBe(expected));

const pasted: [string, string, object[]][] = [
  ['from a spreadsheet', 'a\t10.0.0.1\tworker\nb\t10.0.0.2', [{ name: 'a', address: '10.0.0.1', roles: 'worker' }, { name: 'b', address: '10.0.0.2' }]],
  ['with a header in another order', 'IP,name\n10.0.0.1,a\n', [{ address: '10.0.0.1', name: 'a' }]],
  ['quoted', '"a, b",10.0.0.1\r\n', [{ name: 'a, b', address: '10.0.0.1' }]],
  ['empty lines', '\n\n', []],
];
test.each(pasted)('pasted %s', (_, text, expected) => expect(readPasted(text, ['name', 'address', 'roles'])).toEqual(expected));
