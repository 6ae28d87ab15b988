import type { FlowRow } from './flows';

/** How a rule differs from the baseline. */
export interface Difference {
  kind: 'added' | 'removed' | 'changed';
  /** The rule as it is now; where it is gone, as it was. */
  row: FlowRow;
  /** Prefixes of either end, for a rule that stayed. */
  gained: string[];
  lost: string[];
}

/** What came, what went, and whose addresses or need are others now, in this order. */
export function differences(before: FlowRow[], after: FlowRow[]): Difference[] {
  const old = new Map(before.map((row) => [row.flow.id, row]));
  const now = new Set(after.map(({ flow }) => flow.id));
  const added = after.filter(({ flow }) => !old.has(flow.id)).map((row) => plain('added', row));
  const removed = before.filter(({ flow }) => !now.has(flow.id)).map((row) => plain('removed', row));
  const changed = after.flatMap((row): Difference[] => {
    const was = old.get(row.flow.id);
    if (!was) return [];
    const gained = [...without(row.fromPrefixes, was.fromPrefixes), ...without(row.toPrefixes, was.toPrefixes)];
    const lost = [...without(was.fromPrefixes, row.fromPrefixes), ...without(was.toPrefixes, row.toPrefixes)];
    if (gained.length + lost.length === 0 && was.flow.need === row.flow.need) return [];
    return [{ kind: 'changed', row, gained: [...new Set(gained)], lost: [...new Set(lost)] }];
  });
  return [...added, ...removed, ...changed];
}

function plain(kind: Difference['kind'], row: FlowRow): Difference {
  return { kind, row, gained: [], lost: [] };
}

function without(prefixes: string[], others: string[]): string[] {
  return prefixes.filter((prefix) => !others.includes(prefix));
}
