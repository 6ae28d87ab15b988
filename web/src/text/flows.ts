import type { FlowData, GroupData, RequirementData, ResolveResult } from '../engine/types';

/** A flow with all that it refers to: what a row of the table needs. */
export interface FlowRow {
  flow: FlowData;
  from: GroupData;
  to: GroupData;
  /** The source's prefixes in the flow's family. */
  fromPrefixes: string[];
  toPrefixes: string[];
  requirements: RequirementData[];
  /** Protocol as people write it: `TCP`, `IP 4 (IP-in-IP)`. */
  protocol: string;
  /** Destination ports, or ICMP type and code; empty for all. */
  ports: string;
}

/** Names of IP protocol numbers that have no keyword in flows (IANA protocol-numbers). */
const PROTOCOLS: Record<string, string> = {
  '4': 'IP-in-IP',
  '41': 'IPv6-in-IP',
  '47': 'GRE',
  '50': 'ESP',
  '51': 'AH',
  '89': 'OSPF',
  '112': 'VRRP',
};

/** The name of a flow's protocol. */
export function protocolName({ protocol, family }: Pick<FlowData, 'protocol' | 'family'>): string {
  if (protocol === 'icmp' && family === 'ipv6') return 'ICMPv6';
  if (!/^\d+$/.test(protocol)) return protocol.toUpperCase();
  const name = PROTOCOLS[protocol];
  return name ? `IP ${protocol} (${name})` : `IP ${protocol}`;
}

/** Joins flows with their groups and requirements, in the engine's order. */
export function flowRows(result: ResolveResult): FlowRow[] {
  const groups = new Map(result.groups.map((group) => [group.id, group]));
  const requirements = new Map(result.requirements.map((requirement) => [requirement.id, requirement]));
  return result.flows.map((flow) => {
    const from = groups.get(flow.from) ?? nameless(flow.from);
    const to = groups.get(flow.to) ?? nameless(flow.to);
    return {
      flow,
      from,
      to,
      fromPrefixes: from[flow.family],
      toPrefixes: to[flow.family],
      requirements: flow.because.flatMap(({ requirement }) => requirements.get(requirement) ?? []),
      protocol: protocolName(flow),
      ports: flow.icmp ?? flow.ports,
    };
  });
}

/** What the requirements are for, each said once. */
export function titles(row: FlowRow): string[] {
  return [...new Set(row.requirements.map(({ title }) => title))];
}

function nameless(id: string): GroupData {
  return { id, title: id, kind: 'external', roles: [], members: [], ipv4: [], ipv6: [] };
}
