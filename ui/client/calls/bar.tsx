// The place of calls at the foot of every area: what is in it is loaded after the first screen.

import { Show, Suspense, createEffect, createSignal, lazy } from 'solid-js';
import { session } from '../../core/session.ts';

const Dock = lazy(() => import('./dock.tsx'));
const [wanted, setWanted] = createSignal(false);
const [missedCalls, setMissedCalls] = createSignal(0);

/** Missed calls that nobody has looked at, for the rail. */
export { missedCalls, setMissedCalls };

/** Loads the telephone at once, for whoever calls before the page is idle. */
export function wantTelephone(): void {
  setWanted(true);
}

/** Calls a number, a name or an address, from anywhere on the page. */
export async function callTo(target: string, options: { video?: boolean } = {}): Promise<void> {
  wantTelephone();
  const telephone = await import('./telephone.ts');
  telephone.begin();
  await telephone.dialSoon(target, options);
}

/** The calls that are under way, and those that come in. */
export function CallBar() {
  createEffect(() => {
    if (wanted() || session.state().is !== 'online') return;
    const idle = globalThis.requestIdleCallback ?? ((act: () => void) => setTimeout(act, 200));
    idle(wantTelephone, { timeout: 1500 });
  });
  return (
    <Show when={wanted()}>
      <Suspense>
        <Dock />
      </Suspense>
    </Show>
  );
}
