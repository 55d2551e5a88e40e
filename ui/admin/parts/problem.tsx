// A problem in words: what happened and what to do next.

import { Show } from 'solid-js';
import { notify } from '../../kit/overlay.tsx';
import { Failure, Skeleton } from '../../kit/state.tsx';
import type { Problem } from '../api/client.ts';
import { say } from '../words/parts.ts';
import { type Waited, asProblem } from './ask.ts';

/** What went wrong, in a sentence. */
export function inWords(problem: Problem): string {
  if (problem.status === 0 && problem.type === 'unreachable') return say('unreachable');
  if (problem.status === 412) return say('conflict');
  if (problem.status === 429) return say('tooMany');
  const text = problem.detail || problem.title;
  if (problem.status === 403 && !problem.detail) return say('forbidden');
  return [text, problem.advice].filter(Boolean).join(' – ');
}

/** Says in a notice what went wrong. */
export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  notify(inWords(asProblem(error)), 'bad');
}

/** Does something, says that it was done, or what went wrong. */
export async function attempt(act: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await act();
    if (done) notify(done, 'good');
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

/** What stands in place of something that is asked for: its shape, or why it is not there. */
export function Waiting(props: { for: Waited; rows?: number }) {
  return (
    <Show
      when={props.for.failure()}
      fallback={
        <Show when={props.for.value() === undefined}>
          <Skeleton rows={props.rows ?? 4} />
        </Show>
      }
    >
      {problem => <Failure title={say('failed')} text={inWords(problem())} onRetry={() => props.for.again()} />}
    </Show>
  );
}
