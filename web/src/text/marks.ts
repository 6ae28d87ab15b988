import type { Severity } from '../engine/types';
import type { FindingRow } from '../state/session.svelte';

/** What findings say about one line of a text. */
export interface Mark {
  severity: Severity;
  /** Findings whose primary place begins on the line, worst first. */
  findings: FindingRow[];
}

const ORDER: Severity[] = ['error', 'warning', 'note'];

/** The marks of a text by line, each as bad as the worst of its findings. */
export function marksOf(source: string, rows: FindingRow[]): Map<number, Mark> {
  const marks = new Map<number, Mark>();
  for (const severity of ORDER) {
    for (const row of rows) {
      const [place] = row.finding.places;
      if (row.finding.severity !== severity || place?.source !== source) continue;
      const mark = marks.get(place.line);
      if (mark) mark.findings.push(row);
      else marks.set(place.line, { severity, findings: [row] });
    }
  }
  return marks;
}
