import { expect, it } from 'vitest';
import { createRoot, createEffect } from 'solid-js';
import { Changes, signal } from './signal.ts';

it('tells of changes once per frame, and only of what is watched', () => {
  const planned: (() => void)[] = [];
  const changes = new Changes(work => planned.push(work));
  let seen = 0;
  createRoot(() => {
    createEffect(() => {
      changes.watch('ann');
      seen += 1;
    });
  });
  const before = seen;
  changes.touch('ann');
  changes.touch('ann');
  changes.touch('bob');
  expect(planned).toHaveLength(1);
  planned[0]?.();
  expect(seen).toBe(before + 1);
});

it('holds a value, also one that is a function', () => {
  const held = signal<() => number>(() => 1);
  held.set(() => 2);
  expect(held()()).toBe(2);
});
