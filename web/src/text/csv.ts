import type { FindingData, GroupData } from '../engine/types';
import type { FlowRow } from './flows';
import type { Messages } from './messages';
import type { Judged } from './states';

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

/** A table of texts. */
export interface Sheet {
  header: string[];
  lines: string[][];
}

/** The rules, with the state that loaded exports give them. */
export function rulesSheet(rows: FlowRow[], words: Messages, states: ReadonlyMap<string, Judged> = new Map()): Sheet {
  const address = (side: string) => `${side}: ${words.addresses}`;
  const state = states.size > 0;
  return {
    header: [words.from, address(words.from), words.to, address(words.to), words.protocol, words.ports, words.need, ...(state ? [words.state] : []), words.why, words.citation, words.erratum],
    lines: rows.map((row) => [
      party(row.from),
      row.fromPrefixes.join(' '),
      party(row.to),
      row.toPrefixes.join(' '),
      row.protocol,
      row.ports,
      words.needs[row.flow.need],
      ...(state ? [words.states[states.get(row.flow.id)?.state ?? 'unchecked']] : []),
      row.requirements.map(({ title }) => title).join('; '),
      row.requirements.map(({ citation }) => citation).join('; '),
      row.requirements.flatMap(({ erratum }) => erratum?.note ?? []).join('; '),
    ]),
  };
}

/** The findings, one a line. */
export function findingsSheet(findings: FindingData[], words: Messages): Sheet {
  return {
    header: [words.severity, words.code, words.guardsWhat, words.finding, words.decidedBy, words.witness, words.fix],
    lines: findings.map(({ severity, code, name, guards, message, places, witness, fix }) => [
      words.severities[severity],
      `${code} ${name}`,
      guards,
      message,
      places[0] ? `${places[0].source}:${places[0].line}` : '',
      witness?.packet ?? '',
      (fix?.lines ?? []).join('\n') || (fix?.text ?? ''),
    ]),
  };
}

/** A sheet as CSV with a byte-order mark, without which Excel misreads Chinese. */
export function toCsv({ header, lines }: Sheet): string {
  return `\uFEFF${[header, ...lines].map((line) => line.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** A sheet as a Markdown table. */
export function toMarkdown({ header, lines }: Sheet): string {
  const row = (cells: string[]) => `| ${cells.map((text) => text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\r?\n/g, '<br>')).join(' | ')} |`;
  return [row(header), `|${header.map(() => ' --- |').join('')}`, ...lines.map(row), ''].join('\n');
}
