import { readTable, setCells } from './table';

/** Parts of key names whose values are secret: the engine hides the same (core/src/site/secret.rs). */
const KEY = /(?<![\w.-])([\w.-]{0,200}?(?:pass|secret|token|access_?key|private_key|credential|vault|datasourcename|api_?key)[\w.-]{0,200})(["']?)([ \t]*(?:=|:(?=[\s"'{[])))/gi;
/** In a Kubernetes Secret everything is. */
const SECRET_DATA = /\b(data|stringData)(["']?)([ \t]*:(?=[\s"'{[]))/g;
const IS_SECRET = /^[ \t]*["']?kind["']?[ \t]*:[ \t]*["']?Secret\b/m;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const VAULT_TEXT = /^([ \t]*)(?:\$ANSIBLE_VAULT.*|[0-9a-f]{40,})[ \t]*$/gim;
const VAULT_WORD = /VAULT;[^\s"',}\]]+/g;
/** `user:password@` in front of a host, with or without a scheme. */
const LOGIN = /(?<![^\s"'=,{}[\]])((?:[a-z][a-z\d+.-]{0,30}:\/\/)?)([^\s"'=,{}[\]/:]{0,200}:(?!\/\/)[^\s"']{0,500}|(?<=:\/\/)[^\s"'/@]{1,500})@/gi;
/** Words that say whether something is used, never what it is. */
const SWITCH = /^(?:true|false|yes|no|null|~)$/i;

/** What stands for a secret; a plain word in every inventory format. */
export const REMOVED = 'removed';

/** A text without its secrets, and how many were taken out. Formats stay readable; what the engine reads stays. */
export function withoutSecrets(text: string): { text: string; removed: number } {
  let removed = 0;
  const remove = () => {
    removed += 1;
    return REMOVED;
  };
  let clean = text.replace(PRIVATE_KEY, remove);
  clean = values(clean, KEY, remove);
  if (IS_SECRET.test(clean)) clean = values(clean, SECRET_DATA, remove);
  clean = clean.replace(VAULT_TEXT, (_, indent: string) => indent + remove()).replace(VAULT_WORD, remove);
  clean = clean.replace(LOGIN, (whole, scheme: string, login: string) => (login === REMOVED ? whole : `${scheme}${remove()}@`));
  return columns(clean, remove, () => removed);
}

/** Replaces the values of the keys that a pattern finds. */
function values(text: string, pattern: RegExp, remove: () => string): string {
  let clean = '';
  let done = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index < done) continue;
    const start = match.index + match[0].length;
    const lead = /^[ \t]*/.exec(text.slice(start, start + 200))?.[0].length ?? 0;
    const end = valueEnd(text, match.index, start + lead, match[3]?.endsWith('=') === true);
    const value = text.slice(start + lead, end);
    if (value === '' || SWITCH.test(value.trim())) continue;
    const quote = /^(["']).*\1$/s.exec(value)?.[1] ?? (/^[{[]/.test(value) && match[2] === '"' ? '"' : '');
    clean += text.slice(done, start + lead) + (lead === 0 && /^[\r\n]/.test(value) ? ' ' : '') + quote + remove() + quote;
    done = end;
  }
  return clean + text.slice(done);
}

/** Where the value that begins at `start` ends. */
function valueEnd(text: string, key: number, start: number, assigned: boolean): number {
  const lineEnd = endOfLine(text, start);
  const line = text.slice(start, lineEnd);
  const first = line[0] ?? '';
  if (first === '"' || first === "'") return quotedEnd(text, start, first);
  if (first === '{' || first === '[') return bracketEnd(text, start);
  if (assigned) {
    const next = /\s+[^\s=]+=/.exec(line);
    return start + (next ? next.index : line.trimEnd().length);
  }
  // A block, or nothing on this line: what is indented further belongs to it.
  if (/^(?:!\S+[ \t]*)?(?:[|>][-+\d]*)?[ \t]*(?:#.*)?$/.test(line)) return blockEnd(text, key, lineEnd, line === '' ? start : lineEnd);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const before = text.slice(lineStart, start);
  const inFlow = before.lastIndexOf('{') > before.lastIndexOf('}');
  const flow = inFlow ? /[,}]/.exec(line) : null;
  return start + (flow ? flow.index : line.trimEnd().length);
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  const at = end < 0 ? text.length : end;
  return text[at - 1] === '\r' && at > from ? at - 1 : at;
}

function quotedEnd(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\' && quote === '"') at += 1;
    else if (text[at] === quote && text[at + 1] === quote) at += 1;
    else if (text[at] === quote) return at + 1;
  }
  return text.length;
}

function bracketEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const c = text[at] ?? '';
    if (c === '"' || c === "'") at = quotedEnd(text, at, c) - 1;
    else if (c === '{' || c === '[') depth += 1;
    else if (c === '}' || c === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

/** The end of the lines that are indented further than the key's, lists on its own column included. */
function blockEnd(text: string, key: number, lineEnd: number, none: number): number {
  const lineStart = text.lastIndexOf('\n', key) + 1;
  const indent = /^(?:[ \t]|-[ \t]+)*/.exec(text.slice(lineStart, key + 1))?.[0].length ?? 0;
  let end = none;
  let at = lineEnd;
  for (;;) {
    const next = text.indexOf('\n', at);
    if (next < 0) return end;
    const stop = endOfLine(text, next + 1);
    const line = text.slice(next + 1, stop);
    const depth = /^[ \t]*/.exec(line)?.[0].length ?? 0;
    const inside = depth > indent || (depth === indent && /^-(?:[ \t]|$)/.test(line.slice(depth)));
    if (line.trim() !== '' && !inside) return end;
    if (line.trim() !== '') end = stop;
    at = next + 1;
  }
}

/** Columns of a table whose heading names a secret. */
function columns(text: string, remove: () => string, count: () => number): { text: string; removed: number } {
  const table = readTable(text);
  const secret = table?.header.flatMap((name, column) => (name !== '' && `${name}:\n`.search(KEY) >= 0 ? [column] : [])) ?? [];
  const filled = secret.flatMap((column) => table?.rows.flatMap(({ cells }, row) => (cells[column] && cells[column] !== REMOVED ? [{ row, column, value: remove() }] : [])) ?? []);
  const clean = filled.length > 0 ? setCells(text, filled) : text;
  return { text: clean, removed: count() };
}
