// Asking the server for what a page shows: again when what is asked for changes, and every so often while the page is looked at.

import { type Accessor, createEffect, createSignal, onCleanup } from 'solid-js';
import { Problem } from '../api/client.ts';

/** Something that is waited for, whatever it is. */
export type Waited = Pick<Asked<unknown>, 'value' | 'failure' | 'loading' | 'again'>;

/** What a page shows, once it is there. */
export type Asked<T> = {
  value: Accessor<T | undefined>;
  failure: Accessor<Problem | undefined>;
  loading: Accessor<boolean>;
  /** Asks again. */
  again: () => void;
  /** Takes what a change has answered. */
  set: (value: T) => void;
};

/** Asks now, whenever a signal that `load` reads before its first pause changes, and every `seconds` while the page is visible. */
export function ask<T>(load: () => Promise<T>, options: { seconds?: number } = {}): Asked<T> {
  const [value, setValue] = createSignal<T | undefined>(undefined);
  const [failure, setFailure] = createSignal<Problem | undefined>(undefined);
  const [loading, setLoading] = createSignal(true);
  const [turn, setTurn] = createSignal(0);
  let latest = 0;
  createEffect(() => {
    turn();
    const mine = ++latest;
    setLoading(true);
    load().then(
      got => {
        if (mine !== latest) return;
        setValue(() => got);
        setFailure(undefined);
        setLoading(false);
      },
      (error: unknown) => {
        if (mine !== latest) return;
        setFailure(asProblem(error));
        setLoading(false);
      },
    );
  });
  if (options.seconds) {
    const timer = setInterval(() => {
      if (!document.hidden && !loading()) setTurn(now => now + 1);
    }, options.seconds * 1000);
    onCleanup(() => clearInterval(timer));
  }
  onCleanup(() => latest++);
  const set = (got: T) => {
    latest++;
    setValue(() => got);
    setLoading(false);
  };
  return { value, failure, loading, again: () => setTurn(now => now + 1), set };
}

/** Whatever went wrong, as something with words. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { type: 'page', title: error instanceof Error ? error.message : String(error) });
}
