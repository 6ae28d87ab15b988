import type { GroupData } from '../engine/types';
import type { FlowRow } from './flows';

/** Rules as a matrix: who connects by row, whom they connect to by column. */
export interface Matrix {
  sources: GroupData[];
  destinations: GroupData[];
  /** Rules from one to the other, by `pairKey`. */
  cells: Map<string, FlowRow[]>;
}

/** The key of a pair of groups. */
export function pairKey(from: string, to: string): string {
  return `${from}\n${to}`;
}

/** Sorts rules into a matrix; groups that have no rule are left out. */
export function matrixOf(rows: FlowRow[]): Matrix {
  const sources = new Map<string, GroupData>();
  const destinations = new Map<string, GroupData>();
  const cells = new Map<string, FlowRow[]>();
  for (const row of rows) {
    sources.set(row.from.id, row.from);
    destinations.set(row.to.id, row.to);
    const key = pairKey(row.from.id, row.to.id);
    const cell = cells.get(key);
    if (cell) cell.push(row);
    else cells.set(key, [row]);
  }
  return { sources: [...sources.values()], destinations: [...destinations.values()], cells };
}

/** The services of rules, shortly, by protocol: `TCP 22, 179`. Each is said once, though both families have it. */
export function services(rows: FlowRow[], any: string): string[] {
  const ports = new Map<string, Set<string>>();
  for (const { protocol, ports: some } of rows) ports.set(protocol, (ports.get(protocol) ?? new Set()).add(some || any));
  return [...ports].map(([protocol, all]) => `${protocol} ${[...all].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).join(', ')}`);
}
