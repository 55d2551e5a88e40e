// Whether the search over everything is open, and where it looks.

import { createSignal } from 'solid-js';

const [jump, setJump] = createSignal<{ within?: string } | null>(null);
export { jump };

/** Opens the search; `within` a conversation it looks at messages only. */
export function openJump(within?: string): void {
  setJump(within ? { within } : {});
}

export const closeJump = (): void => void setJump(null);
