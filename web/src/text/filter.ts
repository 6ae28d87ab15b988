import { type FlowRow, titles } from './flows';
import type { Judged } from './states';

/**
 * Whether a row meets a filter: words separated by spaces, all of which must hold. `from:`, `to:`,
 * `role:`, `port:`, `proto:`, `need:` and `state:` look in one place; a bare word looks everywhere. A
 * port is met by the ranges that contain it.
 */
export function matcher(filter: string, states?: ReadonlyMap<string, Judged>): (row: FlowRow) => boolean {
  const terms = filter.toLowerCase().split(/\s+/).filter(Boolean).map((word) => term(word, states));
  return (row) => terms.every((holds) => holds(row));
}

function term(word: string, states: ReadonlyMap<string, Judged> | undefined): (row: FlowRow) => boolean {
  const [, key, value] = /^(from|to|role|port|proto|need|state):(.+)$/.exec(word) ?? [];
  if (value === undefined) return (row) => everything(row).includes(word);
  switch (key) {
    case 'from':
      return (row) => end(row, 'from').includes(value);
    case 'to':
      return (row) => end(row, 'to').includes(value);
    case 'role':
      return (row) => [...row.from.roles, ...row.to.roles].some((role) => role.includes(value));
    case 'port':
      return (row) => containsPort(row.ports, value);
    case 'proto':
      return (row) => row.protocol.toLowerCase().includes(value);
    case 'state':
      return (row) => (states?.get(row.flow.id)?.state ?? 'unchecked').startsWith(value);
    default:
      return (row) => row.flow.need.startsWith(value);
  }
}

function end(row: FlowRow, side: 'from' | 'to'): string {
  const { title, id, roles, members } = row[side];
  return [title, id, ...roles, ...members, ...row[`${side}Prefixes`]].join(' ').toLowerCase();
}

function everything(row: FlowRow): string {
  const reasons = row.requirements.flatMap(({ id, title }) => [id, title]);
  return [end(row, 'from'), end(row, 'to'), row.protocol, row.ports, row.flow.need, ...reasons, ...titles(row)].join(' ').toLowerCase();
}

function containsPort(ports: string, wanted: string): boolean {
  const [first, last = first] = ports.split('-').map(Number);
  const number = Number(wanted);
  if (!ports || first === undefined || last === undefined) return false;
  return ports === wanted || (first <= number && number <= last);
}
