import { beforeEach, expect, test, vi } from 'vitest';

import { EMPTY, Project } from './project.svelte';

let project: Project;
beforeEach(() => {
  vi.useFakeTimers();
  project = new Project();
  return () => vi.useRealTimers();
});

test('every change is one step, back and forward', () => {
  project.add({ name: 'a', text: '1', place: 'inventory' });
  project.set('cni', 'cilium');
  project.setMode('least-privilege');
  const last = project.content;
  project.undo();
  project.undo();
  expect(project.content).toEqual({ ...EMPTY, inventory: [{ name: 'a', text: '1' }] });
  project.undo();
  expect(project.content).toBe(EMPTY);
  expect(project.canUndo).toBe(false);
  project.undo();
  for (let step = 0; step < 4; step += 1) project.redo();
  expect(project.content).toBe(last);
  expect(project.canRedo).toBe(false);
});

test('a change after steps back ends the way forward', () => {
  project.set('cni', 'cilium');
  project.undo();
  project.set('cni', 'calico');
  expect(project.canRedo).toBe(false);
  expect(project.parameters).toEqual({ cni: 'calico' });
});

test('typing is one step until it pauses, and another text is another step', () => {
  project.add({ name: 'a', text: '', place: 'inventory' });
  project.add({ name: 'b', text: '', place: 'inventory' });
  const text = (name: string) => project.find(name)?.text;
  project.edit('a', 'x');
  project.edit('a', 'xy');
  project.edit('b', 'z');
  project.edit('a', 'xyz');
  vi.advanceTimersByTime(2000);
  project.edit('a', 'xyz!');
  project.undo();
  expect(text('a')).toBe('xyz');
  project.undo();
  expect([text('a'), text('b')]).toEqual(['xy', 'z']);
  project.undo();
  expect([text('a'), text('b')]).toEqual(['xy', '']);
  project.undo();
  expect(text('a')).toBe('');
});

test('many files opened together are one step', () => {
  project.together(() => {
    project.add({ name: 'a', text: '1', place: 'inventory' });
    project.add({ name: 'b', text: '2', place: 'exports' });
  });
  project.undo();
  expect(project.content).toBe(EMPTY);
  project.redo();
  expect(project.texts).toHaveLength(2);
});

test('what the page guesses is no step of the user', () => {
  project.add({ name: 'b', text: '2', place: 'exports' });
  project.guard('b', { host: 'h' }, true);
  expect(project.systems).toEqual([{ host: 'h', documents: [{ name: 'b', text: '2' }] }]);
  project.undo();
  expect(project.content).toBe(EMPTY);
});

test('clearing can be taken back, with the options', () => {
  project.setMode('least-privilege');
  project.clear();
  expect(project.content).toBe(EMPTY);
  project.undo();
  expect(project.mode).toBe('least-privilege');
});

test('texts of one name: an inventory is replaced, an export of another place is numbered', () => {
  project.add({ name: 'a', text: '1', place: 'inventory' });
  project.add({ name: 'a', text: '2', place: 'inventory' });
  expect(project.inventory).toEqual([{ name: 'a', text: '2' }]);
  expect(project.add({ name: 'a', text: '3', place: 'exports', guards: { host: 'h' } })).toBe('a (2)');
  expect(project.add({ name: 'a (2)', text: '4', place: 'exports', guards: { host: 'i' } })).toBe('a (2) (2)');
  project.read('a (2)', 'nft-list');
  expect(project.systems[0]).toMatchObject({ host: 'h', dialect: 'nft-list' });
});
