// The room that a link leads to, until somebody says whether to enter it.

import { createSignal } from 'solid-js';

const [joining, setJoining] = createSignal<string | null>(null);
export { joining };

export const openJoin = (jid: string): void => void setJoining(jid);
export const closeJoin = (): void => void setJoining(null);
