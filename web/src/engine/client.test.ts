import { afterEach, expect, test, vi } from 'vitest';

import { type FromWorker, start } from './client';

/** Stands in for the browser's Worker and says what the test tells it to. */
class FakeWorker {
  static said: FromWorker | undefined;
  onmessage?: (event: { data: FromWorker }) => void;
  onerror?: (event: { message: string }) => void;

  constructor() {
    queueMicrotask(() => {
      if (FakeWorker.said) this.onmessage?.({ data: FakeWorker.said });
      else this.onerror?.({ message: 'blocked' });
    });
  }
}

afterEach(() => vi.unstubAllGlobals());

const cases: [string, FromWorker | undefined, (started: ReturnType<typeof start>) => Promise<void>][] = [
  ['a ready worker gives its version', { kind: 'ready', version: '1.2.3' }, (started) => expect(started).resolves.toEqual({ version: '1.2.3' })],
  ['a failed worker gives its message', { kind: 'failed', message: 'no memory' }, (started) => expect(started).rejects.toThrow('no memory')],
  ['a worker that cannot start is an error', undefined, (started) => expect(started).rejects.toThrow('could not be started: blocked')],
];

test.each(cases)('%s', async (_name, said, outcome) => {
  vi.stubGlobal('Worker', FakeWorker);
  FakeWorker.said = said;
  await outcome(start());
});
