import type { DiagnosticData } from '../engine/types';
import { type NodeList, addNodes, moveNode, readNodes, removeNode, setScalars } from './nodes';
import { type Column, addRows, readTable, removeRow, setCells } from './table';

/** A host as the table shows it: one cell for each of the table's columns. */
export interface HostRow {
  cells: string[];
}

/** What a new host is made of. */
export type NewHost = Partial<Record<Column, string>>;

/** A change of one cell. */
export interface Change {
  row: number;
  column: number;
  value: string;
}

/** The hosts of an inventory, as far as they can be edited where they stand. Edits give the new text. */
export interface HostTable {
  columns: { id: Column | undefined; heading: string; choices?: string[] }[];
  rows: HostRow[];
  set(changes: Change[]): string;
  add(hosts: NewHost[]): string;
  remove(row: number): string;
  /** The cell that a place of the text lies in. */
  locate(place: { line: number; column: number; end_column: number }, message: string): { row: number; column: number } | undefined;
}

/** The roles of the two lists of a clusterConfig. */
const ROLES: Record<NodeList, string> = { masterNodes: 'control-plane', workerNodes: 'worker' };

/** The table of an inventory; none where its format is edited as text only. */
export function hostTable(text: string): HostTable | undefined {
  return csvTable(text) ?? nodeTable(text);
}

function csvTable(text: string): HostTable | undefined {
  const table = readTable(text);
  if (!table) return undefined;
  const name = table.columns.indexOf('name');
  return {
    columns: table.header.map((heading, at) => ({ id: table.columns[at], heading })),
    rows: table.rows.map(({ cells }) => ({ cells: table.header.map((_, at) => cells[at]?.trim() ?? '') })),
    set: (changes) => setCells(text, changes),
    add: (hosts) => addRows(text, hosts),
    remove: (row) => removeRow(text, row),
    locate({ line, column, end_column }, message) {
      const row = table.rows.findLastIndex((one) => one.line <= line);
      const found = table.rows[row];
      if (!found) return undefined;
      const width = end_column - column;
      const spanned = found.line === line ? found.spans?.findIndex(([start, end]) => column - 1 >= start && column - 1 <= end && end - start >= width) : undefined;
      if (spanned !== undefined && spanned >= 0) return { row, column: Math.min(spanned, table.header.length - 1) };
      const quoted = [...message.matchAll(/`([^`]+)`/g)].map(([, word]) => word);
      const cell = found.cells.findIndex((text, at) => at !== name && quoted.some((word) => word && text.includes(word)));
      return { row, column: cell >= 0 && cell < table.header.length ? cell : Math.max(name, 0) };
    },
  };
}

function nodeTable(text: string): HostTable | undefined {
  const read = readNodes(text);
  if (!read) return undefined;
  const { nodes } = read;
  const listOf = (role: string): NodeList => (role === ROLES.workerNodes ? 'workerNodes' : 'masterNodes');
  return {
    columns: [
      { id: 'name', heading: 'nodeName' },
      { id: 'address', heading: 'ip' },
      { id: 'roles', heading: 'roles', choices: Object.values(ROLES) },
    ],
    rows: nodes.map(({ name, address, list }) => ({ cells: [name.value, address.value, ROLES[list]] })),
    set(changes) {
      const scalars = changes.flatMap(({ row, column, value }) => {
        const node = nodes[row];
        return node && column < 2 ? [{ scalar: column === 0 ? node.name : node.address, value }] : [];
      });
      const moves = changes.filter(({ column }) => column === 2).sort((a, b) => b.row - a.row);
      return moves.reduce((moved, { row, value }) => moveNode(moved, row, listOf(value)), setScalars(text, scalars));
    },
    add: (hosts) =>
      (['masterNodes', 'workerNodes'] as const).reduce((grown, list) => {
        const of = hosts.filter(({ roles }) => (/control|master|etcd/i.test(roles ?? '') ? 'masterNodes' : 'workerNodes') === list);
        return of.length > 0 ? addNodes(grown, list, of.map(({ name = '', address = '' }) => ({ name, address }))) : grown;
      }, text),
    remove: (row) => removeNode(text, row),
    locate({ line }) {
      const row = nodes.findIndex(({ first, last }) => line - 1 >= first && line - 1 < last);
      if (row < 0) return undefined;
      return { row, column: nodes[row]?.address.line === line - 1 ? 1 : 0 };
    },
  };
}

/** What the engine says about a cell. */
export interface CellProblem {
  row: number;
  column: number;
  diagnostic: DiagnosticData;
}

/** The diagnostics of a text that belong to cells of its table, in the order of the rows. */
export function cellProblems(name: string, table: HostTable, diagnostics: DiagnosticData[]): CellProblem[] {
  const problems = diagnostics.flatMap((diagnostic): CellProblem[] => {
    const [place] = diagnostic.places;
    if (place?.source !== name || diagnostic.severity === 'note') return [];
    const cell = table.locate(place, diagnostic.message);
    return cell ? [{ ...cell, diagnostic }] : [];
  });
  return problems.sort((a, b) => a.row - b.row || a.column - b.column);
}
