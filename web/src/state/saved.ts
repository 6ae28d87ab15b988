import type { Document, Mode, Scalar } from '../engine/types';
import { withoutSecrets } from '../text/secrets';
import type { Content, ExportText, Guards } from './project.svelte';

/** The catalogue that a document was made with. */
export interface MadeWith {
  catalog: string;
  version: string;
}

/** A document as it was saved, and what it was made with. */
export interface Opened {
  content: Content;
  madeWith: MadeWith | undefined;
  /** Exports that the sender had and that do not travel in links. */
  left: number;
}

/** A file or link that cannot be opened: `version` is of a format that this page does not know. */
export class NotOpened extends Error {
  constructor(
    readonly why: 'damaged' | 'newer',
    readonly detail: string,
  ) {
    super(`${why}: ${detail}`);
  }
}

const FORMAT = 'portwright-project';
const VERSION = 1;
/** In front of what a link carries: the first format. */
const LINK = '#p1=';
/** A link that unpacks to more was not made by this page. */
const MOST_BYTES = 32e6;

/** Texts as lists of lines, so that a line that changes is a line of the difference. */
interface SavedText {
  name: string;
  text: string[];
}

interface Saved {
  format: typeof FORMAT;
  version: typeof VERSION;
  catalog?: MadeWith | undefined;
  mode?: Mode | undefined;
  parameters: Record<string, Scalar>;
  inventory: SavedText[];
  catalogs: SavedText[];
  exports?: (SavedText & { guards?: Guards | undefined; format?: string | undefined })[];
  exportsLeft?: number;
}

/** The document as a file: JSON that is the same for the same document, and says how many secrets it left out. */
export function toFile(content: Content, madeWith: MadeWith | undefined): { text: string; removed: number } {
  const { saved, removed } = save(content, madeWith, true);
  return { text: `${JSON.stringify(saved, null, 2)}\n`, removed };
}

/** The document as the hash of a link: without exports, without secrets. */
export async function toHash(content: Content, madeWith: MadeWith | undefined): Promise<{ hash: string; removed: number }> {
  const { saved, removed } = save(content, madeWith, false);
  const bytes = await pump(new TextEncoder().encode(JSON.stringify(saved)), new CompressionStream('deflate-raw'));
  return { hash: LINK + toBase64(bytes), removed };
}

/** Whether an address carries a document. */
export function isLink(hash: string): boolean {
  return /^#p\d+=/.test(hash);
}

/** Whether a text claims to be a saved project. */
export function isFile(text: string): boolean {
  return text.startsWith('{') && text.slice(0, 200).includes(`"${FORMAT}"`);
}

/** Reads a saved file. */
export function fromFile(text: string): Opened {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NotOpened('damaged', error instanceof Error ? error.message : String(error));
  }
  return open(value);
}

/** Reads a link's hash. */
export async function fromHash(hash: string): Promise<Opened> {
  const version = /^#p(\d+)=/.exec(hash)?.[1];
  if (version !== String(VERSION)) throw new NotOpened('newer', `p${version}`);
  let text: string;
  try {
    const bytes = await pump(fromBase64(hash.slice(LINK.length)), new DecompressionStream('deflate-raw'));
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new NotOpened('damaged', error instanceof Error ? error.message : String(error));
  }
  return fromFile(text);
}

function save(content: Content, madeWith: MadeWith | undefined, whole: boolean): { saved: Saved; removed: number } {
  let removed = 0;
  const clean = ({ name, text }: Document): SavedText => {
    const result = withoutSecrets(text);
    removed += result.removed;
    return { name, text: result.text.split('\n') };
  };
  const saved: Saved = {
    format: FORMAT,
    version: VERSION,
    catalog: madeWith && { catalog: madeWith.catalog, version: madeWith.version },
    mode: content.mode,
    parameters: Object.fromEntries(Object.entries(content.parameters).sort(([a], [b]) => (a < b ? -1 : 1))),
    inventory: content.inventory.map(clean),
    catalogs: content.catalogs.map(clean),
  };
  if (whole) {
    saved.exports = content.exports.map(({ name, text, guards, dialect }) => ({ name, guards, format: dialect, text: text.split('\n') }));
  } else if (content.exports.length > 0) saved.exportsLeft = content.exports.length;
  return { saved, removed };
}

function open(value: unknown): Opened {
  const saved = record(value, 'the project');
  if (saved.format !== FORMAT) throw new NotOpened('damaged', `\`format\` is not \`${FORMAT}\``);
  if (saved.version !== VERSION) throw new NotOpened('newer', String(saved.version));
  const parameters = Object.entries(record(saved.parameters ?? {}, 'parameters')).map(([id, scalar]): [string, Scalar] => {
    if (typeof scalar === 'string' || typeof scalar === 'number' || typeof scalar === 'boolean') return [id, scalar];
    throw new NotOpened('damaged', `the parameter \`${id}\` is no text, number or boolean`);
  });
  const { mode } = saved;
  if (mode !== undefined && mode !== 'as-published' && mode !== 'least-privilege') throw new NotOpened('damaged', `\`mode\` is \`${String(mode)}\``);
  const made = saved.catalog === undefined ? undefined : record(saved.catalog, 'catalog');
  const content: Content = {
    inventory: texts(saved.inventory, 'inventory'),
    exports: list(saved.exports, 'exports').map(openExport),
    catalogs: texts(saved.catalogs, 'catalogs'),
    parameters: Object.fromEntries(parameters),
    ...(mode ? { mode } : {}),
  };
  const names = [...content.inventory, ...content.exports, ...content.catalogs].map(({ name }) => name);
  if (new Set(names).size < names.length) throw new NotOpened('damaged', 'two texts have one name');
  return {
    content,
    madeWith: made && { catalog: string(made.catalog, 'catalog'), version: string(made.version, 'version') },
    left: typeof saved.exportsLeft === 'number' ? saved.exportsLeft : 0,
  };
}

function openExport(value: unknown): ExportText {
  const saved = record(value, 'an export');
  const guards = saved.guards === undefined ? undefined : openGuards(record(saved.guards, 'guards'));
  return { ...openText(value), guards, ...(saved.format === undefined ? {} : { dialect: string(saved.format, 'format') }) };
}

function openGuards(saved: Record<string, unknown>): Guards {
  if (saved.between === undefined) return { host: string(saved.host, 'host') };
  const [a, b] = list(saved.between, 'between');
  return { between: [string(a, 'between'), string(b, 'between')] };
}

function texts(value: unknown, what: string): Document[] {
  return list(value, what).map(openText);
}

function openText(value: unknown): Document {
  const saved = record(value, 'a text');
  const lines = list(saved.text, 'text').map((line) => string(line, 'text'));
  return { name: string(saved.name, 'name'), text: lines.join('\n') };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new NotOpened('damaged', `\`${what}\` is no object`);
}

function list(value: unknown, what: string): unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new NotOpened('damaged', `\`${what}\` is no list`);
}

function string(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new NotOpened('damaged', `\`${what}\` is no text`);
}

/** Sends bytes through a stream, which may not give more than the limit. */
async function pump(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> {
  const writer = stream.writable.getWriter();
  // What goes wrong on this side goes wrong on the other, too, which is awaited.
  void writer.write(bytes).catch(() => undefined);
  void writer.close().catch(() => undefined);
  const reader = stream.readable.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new NotOpened('damaged', `more than ${MOST_BYTES / 1e6} MB`);
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}
