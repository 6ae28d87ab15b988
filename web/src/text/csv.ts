import type { GroupData } from '../engine/types';
import type { FlowRow } from './flows';
import type { Messages } from './messages';

/** Spreadsheets run a cell that begins with one of these as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** A cell that means its text and nothing else, quoted where RFC 4180 asks for it. */
export function cell(text: string): string {
  const inert = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

/** Groups of several clusters share their titles. */
function party({ title, cluster }: GroupData): string {
  return cluster ? `${title} (${cluster})` : title;
}

/** The rules as CSV with a byte-order mark, without which Excel misreads Chinese. */
export function rulesCsv(rows: FlowRow[], words: Messages): string {
  const address = (side: string) => `${side}: ${words.addresses}`;
  const header = [words.from, address(words.from), words.to, address(words.to), words.protocol, words.ports, words.need, words.why, words.citation, words.erratum];
  const lines = rows.map((row) => [
    party(row.from),
    row.fromPrefixes.join(' '),
    party(row.to),
    row.toPrefixes.join(' '),
    row.protocol,
    row.ports,
    words.needs[row.flow.need],
    row.requirements.map(({ title }) => title).join('; '),
    row.requirements.map(({ citation }) => citation).join('; '),
    row.requirements.flatMap(({ erratum }) => erratum?.note ?? []).join('; '),
  ]);
  return `\uFEFF${[header, ...lines].map((line) => line.map(cell).join(',')).join('\r\n')}\r\n`;
}
