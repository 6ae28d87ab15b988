import type { DiagnosticData, ExportData, HostData, LintResult } from '../engine/types';
import type { FlowRow } from './flows';

/** What the exports that are loaded do with a flow: the worst of them counts. */
export type FlowState = 'open' | 'missing' | 'unknown' | 'unchecked';

/** From bad to good. */
export const STATES: readonly FlowState[] = ['missing', 'unknown', 'open', 'unchecked'];

/** A flow's state, and where that was found. */
export interface Judged {
  state: FlowState;
  guards: string[];
}

const FAMILIES = { ipv4: 'IPv4', ipv6: 'IPv6' };

/** The state of every flow. A flow is open only where an export that it passes was checked and nothing stands against it. */
export function flowStates(rows: FlowRow[], linted: LintResult, said: DiagnosticData[], hosts: HostData[]): Map<string, Judged> {
  const found: Record<'missing' | 'unknown', Map<string, Set<string>>> = { missing: new Map(), unknown: new Map() };
  const ways = new Set<string>();
  for (const { name, flow, guards, hook } of linted.findings) {
    if (!flow || (name !== 'missing' && name !== 'unknown')) continue;
    ways.add(`${flow} ${guards} ${hook}`);
    found[name].set(flow, new Set([...(found[name].get(flow) ?? []), guards]));
  }
  // Findings that are suppressed are counted and not told: which flows they are about is not known.
  const hidden = linted.summary.permitted + ways.size < linted.summary.checked;
  const zones = new Map(hosts.map(({ name, zone }) => [name, zone ?? undefined]));

  return new Map(
    rows.map((row): [string, Judged] => {
      const { id, family } = row.flow;
      const missing = found.missing.get(id);
      if (missing) return [id, { state: 'missing', guards: [...missing] }];
      const passed = linted.exports.filter((one) => passes(row, one, zones));
      const unread = passed.filter(({ guards }) => said.some(({ name, message }) => name === 'unknown' && message.startsWith(`${guards} needs ${FAMILIES[family]} flows`)));
      const unknown = new Set([...(found.unknown.get(id) ?? []), ...unread.map(({ guards }) => guards)]);
      if (unknown.size > 0) return [id, { state: 'unknown', guards: [...unknown] }];
      const guards = passed.map((one) => one.guards);
      return [id, { state: guards.length === 0 ? 'unchecked' : hidden ? 'unknown' : 'open', guards }];
    }),
  );
}

/** Whether a flow passes where an export stands. */
function passes({ from, to }: FlowRow, { guards }: ExportData, zones: Map<string, string | undefined>): boolean {
  if (zones.has(guards)) return [from, to].some(({ members }) => members.includes(guards));
  const within = (members: string[], zone: string) => members.some((member) => zones.get(member) === zone);
  const known = [...new Set(zones.values())].flatMap((zone) => zone ?? []);
  return known.some((a) => known.some((b) => a !== b && guards === `${a} and ${b}` && ((within(from.members, a) && within(to.members, b)) || (within(from.members, b) && within(to.members, a)))));
}
