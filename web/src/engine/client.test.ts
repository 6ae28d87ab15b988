import { beforeEach, expect, test, vi } from 'vitest';

import { Crashed, EngineClient, type EngineState, type FromWorker, Superseded, type ToWorker } from './client';
import type { Answer, Request } from './types';

/** Stands in for the browser's Worker; the test speaks for it. */
class FakeWorker {
  static all: FakeWorker[] = [];
  onmessage?: (event: { data: FromWorker }) => void;
  onerror?: (event: { message: string }) => void;
  asked: ToWorker[] = [];
  ended = false;

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(message: ToWorker): void {
    this.asked.push(structuredClone(message));
  }

  terminate(): void {
    this.ended = true;
  }

  says(data: FromWorker): void {
    this.onmessage?.({ data });
  }

  /** Answers what it was asked last; the answer carries the request's operation. */
  answers(): void {
    const { id, request } = this.asked.at(-1) as ToWorker;
    const result = { operation: request.operation } as Answer['result'] & object;
    this.says({ kind: 'answer', id, milliseconds: 1, answer: { schema: 1, version: '1.2.3', status: 'success', diagnostics: [], result } });
  }
}

const RESOLVE: Request = { operation: 'resolve', site: { documents: [] } };
const DETECT: Request = { operation: 'detect' };
const READY: FromWorker = { kind: 'ready', version: '1.2.3' };
let states: EngineState[];
let client: EngineClient;
const worker = () => FakeWorker.all.at(-1) as FakeWorker;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('Worker', FakeWorker);
  FakeWorker.all = [];
  states = [];
  client = new EngineClient((state) => states.push(state));
  return () => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  };
});

test('what is asked while the engine loads is answered when it is ready, one after the other', async () => {
  const [first, second] = [client.ask(RESOLVE), client.ask(DETECT)];
  expect(worker().asked).toEqual([]);
  worker().says(READY);
  expect(worker().asked).toHaveLength(1);
  worker().answers();
  worker().answers();
  expect((await first).result?.operation).toBe('resolve');
  expect((await second).result?.operation).toBe('detect');
  expect(states).toEqual([{ kind: 'loading' }, READY]);
});

test('what waits on a topic is superseded, and nothing else', async () => {
  worker().says(READY);
  const running = client.ask(DETECT);
  const old = client.ask(RESOLVE, 'topic');
  client.supersede('topic');
  const newest = client.ask(RESOLVE, 'topic');
  await expect(old).rejects.toBeInstanceOf(Superseded);
  worker().answers();
  worker().answers();
  await expect(running).resolves.toBeDefined();
  await expect(newest).resolves.toBeDefined();
});

test('a superseded request that runs on is ended with its worker, and the newer one is asked of the next', async () => {
  worker().says(READY);
  const old = client.ask(RESOLVE, 'topic');
  client.supersede('topic');
  const newest = client.ask(DETECT, 'topic');
  await expect(old).rejects.toBeInstanceOf(Superseded);
  expect(worker().ended).toBe(false);
  vi.runAllTimers();
  const [first] = FakeWorker.all;
  expect(first?.ended).toBe(true);
  first?.answers();
  worker().says(READY);
  worker().answers();
  await expect(newest).resolves.toBeDefined();
});

test('an engine that breaks is not used again, and what waited is asked of the next', async () => {
  worker().says(READY);
  const broken = client.ask(RESOLVE);
  const next = client.ask(DETECT);
  const [first] = FakeWorker.all;
  first?.says({ kind: 'crashed', id: 1, message: 'unreachable' });
  await expect(broken).rejects.toBeInstanceOf(Crashed);
  expect(first?.ended).toBe(true);
  worker().says(READY);
  worker().answers();
  await expect(next).resolves.toBeDefined();
});

test('an engine that cannot start says so and rejects what waits', async () => {
  const asked = client.ask(RESOLVE);
  worker().onerror?.({ message: 'blocked' });
  await expect(asked).rejects.toThrow('could not be started: blocked');
  expect(states.at(-1)?.kind).toBe('failed');
});

test('cancelling rejects everything and starts a new engine', async () => {
  worker().says(READY);
  const [running, waiting] = [client.ask(RESOLVE), client.ask(DETECT)];
  client.cancel();
  await expect(running).rejects.toBeInstanceOf(Superseded);
  await expect(waiting).rejects.toBeInstanceOf(Superseded);
  expect(FakeWorker.all).toHaveLength(2);
});
