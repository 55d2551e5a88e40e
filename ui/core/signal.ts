// A value that says when it changes: Solid's signal under a name, and many of them by key.

import { batch, createSignal, untrack } from 'solid-js';

/** A signal as one thing: call it to read, `set` to write. */
export type Signal<T> = { (): T; set(value: T): void };

export function signal<T>(value: T, options?: { equals: false }): Signal<T> {
  const [read, write] = createSignal<T>(value, options);
  const own = (() => read()) as Signal<T>;
  own.set = next => void write(() => next);
  return own;
}

/**
 * Says of each key when it changed, to those alone who look at it. Thousands of keys cost nothing until somebody reads one.
 * Changes are told once per frame: a burst of presence is one pass over the page.
 */
export class Changes {
  private readonly watched = new Map<string, Signal<number>>();
  private dirty = new Set<string>();
  private planned = false;

  constructor(private readonly schedule: (work: () => void) => void = nextFrame) {}

  /** To be called where the thing of that key is read. */
  watch(key: string): void {
    let own = this.watched.get(key);
    if (!own) this.watched.set(key, (own = signal(0)));
    own();
  }

  touch(key: string): void {
    this.dirty.add(key);
    if (this.planned) return;
    this.planned = true;
    this.schedule(() => this.flush());
  }

  /** Tells what changed, now. */
  flush(): void {
    this.planned = false;
    const keys = this.dirty;
    this.dirty = new Set();
    batch(() => {
      for (const key of keys) {
        const own = this.watched.get(key);
        if (own) own.set(untrack(own) + 1);
      }
    });
  }
}





/** A page that is not looked at has no frames. */
const HIDDEN_MILLISECONDS = 100;

/** Runs something before the next picture is painted. */
export function nextFrame(work: () => void): void {
  const frame = (globalThis as { requestAnimationFrame?: (work: () => void) => number }).requestAnimationFrame;
  const hidden = (globalThis as { document?: { hidden: boolean } }).document?.hidden ?? true;
  if (frame && !hidden) frame(work);
  else setTimeout(work, HIDDEN_MILLISECONDS);
}
