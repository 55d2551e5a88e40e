// Whether the introduction is to be shown; once per browser, and again on demand.

import { createSignal } from 'solid-js';

const KEY = 'carillon-tour';
const [tour, setTour] = createSignal(globalThis.localStorage?.getItem(KEY) !== 'seen');
export { tour };

export function endTour(): void {
  localStorage.setItem(KEY, 'seen');
  setTour(false);
}

export const showTour = (): void => void setTour(true);
