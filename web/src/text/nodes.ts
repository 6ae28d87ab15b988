/** A node in a DCE clusterConfig, and where its name, address and whole entry stand. */
export interface Node {
  list: NodeList;
  name: Scalar;
  address: Scalar;
  /** Lines of the entry, from 0; the last is not part of it. */
  first: number;
  last: number;
}

/** The lists of a clusterConfig that hold nodes. */
export type NodeList = 'masterNodes' | 'workerNodes';

/** A scalar: its value, and where it is written, quotes included. */
export interface Scalar {
  value: string;
  /** From 0. */
  line: number;
  start: number;
  end: number;
}

/** Where a list of nodes begins. */
interface Head {
  line: number;
  indent: number;
  /** Indentation of its entries' dashes. */
  dash: number;
  /** Line behind the last entry. */
  end: number;
  /** Written `[]`. */
  empty: boolean;
}

/** A clusterConfig whose nodes are written plainly enough to be edited where they stand. */
export interface Nodes {
  lines: string[];
  nodes: Node[];
  heads: Partial<Record<NodeList, Head>>;
}

const HEAD = /^( *)(masterNodes|workerNodes):[ \t]*(\[[ \t]*\])?[ \t]*(?:#.*)?$/;
const PAIR = /^([\w.-]+):(?:[ \t]+(.*))?$/;

/**
 * Finds the nodes of a clusterConfig. Only the plain way of writing is known, one key a line; for
 * every other (flow mappings, anchors, several documents) there is none, and the text is edited.
 */
export function readNodes(text: string): Nodes | undefined {
  if (!/^kind:[ \t]*["']?ClusterConfig\b/m.test(text) || /\t|^---[ \t]*\S|\n---/.test(text)) return undefined;
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const found: Nodes = { lines, nodes: [], heads: {} };
  for (let at = 0; at < lines.length; at += 1) {
    const head = HEAD.exec(lines[at] ?? '');
    if (!head) continue;
    const list = head[2] as NodeList;
    if (found.heads[list]) return undefined;
    const read = entries(lines, at, head[1]?.length ?? 0, list);
    if (!read) return undefined;
    found.heads[list] = { ...read.head, empty: head[3] !== undefined };
    found.nodes.push(...read.nodes);
  }
  return found.heads.masterNodes ? found : undefined;
}

function entries(lines: string[], at: number, indent: number, list: NodeList): { head: Omit<Head, 'empty'>; nodes: Node[] } | undefined {
  const nodes: Node[] = [];
  let dash = indent + 2;
  let end = at + 1;
  let node: Partial<Node> | undefined;
  const finish = () => {
    if (!node) return true;
    if (!node.name || !node.address) return false;
    nodes.push({ ...(node as Node), last: end });
    return true;
  };
  for (let line = at + 1; line < lines.length; line += 1) {
    const text = lines[line] ?? '';
    const depth = text.length - text.trimStart().length;
    if (text.trim() === '' || text.trimStart().startsWith('#')) continue;
    const isEntry = text.slice(depth).startsWith('- ') && (node ? depth === dash : depth >= indent);
    if (!isEntry && (depth <= dash || !node)) break;
    if (isEntry) {
      if (!finish()) return undefined;
      dash = depth;
      node = { list, first: line };
    }
    end = line + 1;
    const at = isEntry ? depth + 2 + (text.slice(depth + 2).length - text.slice(depth + 2).trimStart().length) : depth;
    if (isEntry || depth === dash + 2) {
      const pair = PAIR.exec(text.slice(at));
      if (!pair) return undefined;
      const value = scalar(text, line, at + (pair[1]?.length ?? 0) + 1);
      if (pair[1] === 'nodeName' || pair[1] === 'ip') {
        if (!value) return undefined;
        if (pair[1] === 'nodeName') node = { ...node, name: value };
        else node = { ...node, address: value };
      }
    }
  }
  return finish() ? { head: { line: at, indent, dash, end }, nodes } : undefined;
}

/** The scalar that stands behind a key; none where it is more than a plain or quoted word. */
function scalar(text: string, line: number, from: number): Scalar | undefined {
  const start = from + (text.slice(from).length - text.slice(from).trimStart().length);
  const rest = text.slice(start);
  const quoted = /^(?:"([^"\\]*)"|'([^']*)')(?=[ ]*(?:#|$))/.exec(rest);
  if (quoted) return { value: quoted[1] ?? quoted[2] ?? '', line, start, end: start + quoted[0].length };
  const plain = /^[^\s"'#&*!|>{[%@`][^#]*?(?=\s+#|\s*$)|^$/.exec(rest);
  return plain ? { value: plain[0], line, start, end: start + plain[0].length } : undefined;
}

/** The text with other names or addresses of nodes. */
export function setScalars(text: string, changes: { scalar: Scalar; value: string }[]): string {
  const lines = text.split('\n');
  for (const { scalar, value } of changes) {
    const line = lines[scalar.line] ?? '';
    const gap = line[scalar.start - 1] === ':' ? ' ' : '';
    lines[scalar.line] = line.slice(0, scalar.start) + gap + plain(value) + line.slice(scalar.end);
  }
  return lines.join('\n');
}

/** The text with nodes added at the end of a list, which is made where it is missing. */
export function addNodes(text: string, list: NodeList, added: { name: string; address: string }[]): string {
  const written = (dash: number) => added.flatMap(({ name, address }) => [`${' '.repeat(dash)}- nodeName: ${plain(name)}`, `${' '.repeat(dash)}  ip: ${plain(address)}`]);
  return insert(text, list, written);
}

/** The text with a node in another list. */
export function moveNode(text: string, row: number, list: NodeList): string {
  const read = readNodes(text);
  const node = read?.nodes[row];
  if (!read || !node || node.list === list) return text;
  const dash = read.heads[node.list]?.dash ?? 0;
  const entry = read.lines.slice(node.first, node.last).map((line) => line.slice(Math.min(dash, line.length - line.trimStart().length)));
  return insert(removeNode(text, row), list, (dash) => entry.map((line) => (line === '' ? line : ' '.repeat(dash) + line)));
}

/** The text without a node. A list that this empties is written `[]`. */
export function removeNode(text: string, row: number): string {
  const read = readNodes(text);
  const node = read?.nodes[row];
  const head = node && read.heads[node.list];
  if (!node || !head) return text;
  const lines = text.split('\n');
  lines.splice(node.first, node.last - node.first);
  const alone = read.nodes.filter(({ list }) => list === node.list).length === 1;
  if (alone) lines[head.line] = (lines[head.line] ?? '').replace(/:/, ': []');
  return lines.join('\n');
}

function insert(text: string, list: NodeList, written: (dash: number) => string[]): string {
  const read = readNodes(text);
  const masters = read?.heads.masterNodes;
  if (!read || !masters) return text;
  const head = read.heads[list];
  const lines = text.split('\n');
  const ending = text.includes('\r\n') ? '\r' : '';
  const finished = (added: string[]) => added.map((line) => line + ending);
  if (head) {
    if (head.empty) lines[head.line] = (lines[head.line] ?? '').replace(/:[ \t]*\[[ \t]*\]/, ':');
    lines.splice(head.end, 0, ...finished(written(head.dash)));
  } else {
    lines.splice(masters.end, 0, ...finished([`${' '.repeat(masters.indent)}${list}:`, ...written(masters.dash)]));
  }
  return lines.join('\n');
}

/** A value as YAML: quoted where it would be read as something else. */
function plain(value: string): string {
  return /^[\w][\w.:/-]*$/.test(value) && !value.endsWith(':') && !/^(?:\d+(?:\.\d+)?|true|false|yes|no|null|on|off)$/i.test(value) ? value : JSON.stringify(value);
}
