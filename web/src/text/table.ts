/** A table as the engine reads it: a header that names its columns, and a row for each host. */
export interface Table {
  /** Columns as written. */
  header: string[];
  /** What the columns mean, where that is known. */
  columns: (Column | undefined)[];
  rows: TableRow[];
}

/** A row: its cells, its first line (from 1), and where it stands in the text. */
export interface TableRow {
  cells: string[];
  line: number;
  start: number;
  end: number;
  /** Where each cell begins and ends on the line; only in rows without quotes. */
  spans: [number, number][] | undefined;
}

/** Columns that the engine knows, with the other names they go by (core/src/site/csv.rs). */
const COLUMNS = {
  name: ['name', 'host', 'hostname', 'node'],
  address: ['address', 'addresses', 'ip', 'ips', 'ip_address'],
  roles: ['roles', 'role'],
  cluster: ['cluster'],
  zone: ['zone'],
  ssh_port: ['ssh_port', 'sshport'],
  ssh_address: ['ssh_address', 'sshaddress', 'ansible_host'],
} as const;

/** The meaning of a column. */
export type Column = keyof typeof COLUMNS;

const DELIMITERS = [',', ';', '\t'];

/** The header of a table that is begun in the page. */
export const TABLE_HEADER = 'name,address,roles,cluster\n';

/** What a heading means, spelled in any of the ways the engine knows. */
export function columnOf(heading: string): Column | undefined {
  const plain = heading.trim().toLowerCase().replaceAll(/[- ]/g, '_');
  return (Object.keys(COLUMNS) as Column[]).find((column) => (COLUMNS[column] as readonly string[]).includes(plain));
}

/** The delimiter of a text whose first line names a column of names and one of addresses. */
function delimiterOf(text: string): string | undefined {
  const header = text.split(/\r?\n/, 50).find((line) => line.trim() !== '');
  return DELIMITERS.find((delimiter) => {
    const columns = header?.split(delimiter).map((cell) => columnOf(cell.trim().replaceAll('"', '')));
    return columns?.includes('name') && columns.includes('address');
  });
}

/** Reads a table; none when the text is no table of hosts. */
export function readTable(text: string): Table | undefined {
  const mark = text.startsWith('\uFEFF') ? 1 : 0;
  const delimiter = delimiterOf(text.slice(mark));
  if (delimiter === undefined) return undefined;
  const [header, ...rows] = records(text, mark, delimiter).filter(({ cells }) => cells.some((cell) => cell.trim() !== ''));
  if (!header) return undefined;
  const names = header.cells.map((cell) => cell.trim());
  return { header: names, columns: names.map(columnOf), rows };
}

/** Rows of delimited text as RFC 4180 has them; quotes may also be left open at the end. */
export function records(text: string, from: number, delimiter: string): TableRow[] {
  const rows: TableRow[] = [];
  let at = from;
  let line = 1;
  while (at < text.length) {
    const row: TableRow = { cells: [], line, start: at, end: at, spans: [] };
    for (;;) {
      const start = at;
      const [cell, end] = field(text, at, delimiter);
      row.cells.push(cell);
      if (text[start] === '"') row.spans = undefined;
      row.spans?.push([start - row.start, end - row.start]);
      at = end;
      if (text[at] !== delimiter) break;
      at += 1;
    }
    row.end = at;
    line += text.slice(row.start, row.end).split('\n').length;
    rows.push(row);
    at += text.startsWith('\r\n', at) ? 2 : 1;
  }
  return rows;
}

/** A field's value, and where it ends. */
function field(text: string, start: number, delimiter: string): [string, number] {
  let at = start;
  if (text[at] !== '"') {
    while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && !text.startsWith('\r\n', at)) at += 1;
    return [text.slice(start, at), at];
  }
  let value = '';
  for (at += 1; at < text.length; at += 1) {
    if (text[at] !== '"') value += text[at];
    else if (text[at + 1] === '"') {
      value += '"';
      at += 1;
    } else break;
  }
  at = Math.min(at + 1, text.length);
  while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && !text.startsWith('\r\n', at)) {
    value += text[at];
    at += 1;
  }
  return [value, at];
}

/** A cell and what it is to hold. */
export interface CellChange {
  row: number;
  column: number;
  value: string;
}

/** The text with one cell changed; every other row stays as it is written. */
export function setCell(text: string, row: number, column: number, value: string): string {
  return setCells(text, [{ row, column, value }]);
}

/** The text with cells changed; every other row stays as it is written. */
export function setCells(text: string, changes: CellChange[]): string {
  const rows = readTable(text)?.rows ?? [];
  let changed = text;
  // From the end, so that what is before stays where it is.
  for (const at of [...new Set(changes.map(({ row }) => row))].sort((a, b) => b - a)) {
    const old = rows[at];
    if (!old) continue;
    const cells = [...old.cells];
    for (const { column, value } of changes.filter(({ row }) => row === at)) {
      while (cells.length <= column) cells.push('');
      cells[column] = value;
    }
    changed = changed.slice(0, old.start) + written(cells, text) + changed.slice(old.end);
  }
  return changed;
}

/** The text with rows added at its end, each given by what its columns mean. A column that is missing is added. */
export function addRows(text: string, added: Partial<Record<Column, string>>[]): string {
  let grown = text;
  for (const column of Object.keys(COLUMNS) as Column[]) {
    if (added.some((row) => row[column]) && !readTable(grown)?.columns.includes(column)) grown = addColumn(grown, column);
  }
  const columns = readTable(grown)?.columns ?? [];
  const lines = added.map((row) => written(columns.map((column) => (column && row[column]) ?? ''), grown));
  const newline = newlineOf(grown);
  const gap = grown === '' || grown.endsWith('\n') ? '' : newline;
  return grown + gap + lines.map((line) => line + newline).join('');
}

/** The text without some of its rows. */
export function removeRow(text: string, row: number): string {
  const old = readTable(text)?.rows[row];
  if (!old) return text;
  const after = text.startsWith('\r\n', old.end) ? old.end + 2 : Math.min(old.end + 1, text.length);
  return text.slice(0, old.start) + text.slice(after);
}

function addColumn(text: string, column: Column): string {
  const mark = text.startsWith('\uFEFF') ? 1 : 0;
  const delimiter = delimiterOf(text.slice(mark)) ?? ',';
  const header = records(text, mark, delimiter).find(({ cells }) => cells.some((cell) => cell.trim() !== ''));
  return header ? `${text.slice(0, header.end)}${delimiter}${column}${text.slice(header.end)}` : text;
}

/** Cells as a line in the text's own delimiter. */
function written(cells: string[], text: string): string {
  const delimiter = delimiterOf(text.replace(/^\uFEFF/, '')) ?? ',';
  return cells.map((cell) => (/["\r\n]/.test(cell) || cell.includes(delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(delimiter);
}

function newlineOf(text: string): string {
  return /\r\n/.test(text) ? '\r\n' : '\n';
}

/**
 * Rows that were copied from a spreadsheet (tab-separated) or from CSV. With a header of known
 * columns it says which is which; without, they are taken in the order of `order`.
 */
export function readPasted(text: string, order: Column[]): Partial<Record<Column, string>>[] {
  const delimiter = ['\t', ';', ','].find((one) => text.includes(one)) ?? '\t';
  const pasted = records(text, 0, delimiter).filter(({ cells }) => cells.some((cell) => cell.trim() !== ''));
  const known = (pasted[0]?.cells ?? []).map(columnOf);
  const headed = known.includes('name') && known.includes('address');
  const columns = headed ? known : order;
  return pasted.slice(headed ? 1 : 0).map(({ cells }) => Object.fromEntries(cells.flatMap((cell, at) => (columns[at] ? [[columns[at], cell.trim()]] : []))));
}
