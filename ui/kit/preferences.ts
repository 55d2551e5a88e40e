// How this person wants to see the page on this device: theme, density, size of text. Kept in the browser.

import { createSignal } from 'solid-js';

export const THEMES = ['system', 'light', 'dark', 'contrast'] as const;
export const DENSITIES = ['comfortable', 'compact'] as const;
export const TEXT_SIZES = ['100', '112', '125', '150'] as const;
export type Looks = { theme: (typeof THEMES)[number]; density: (typeof DENSITIES)[number]; textSize: (typeof TEXT_SIZES)[number]; calm: boolean };

const KEY = 'carillon-looks';
const DEFAULTS: Looks = { theme: 'system', density: 'comfortable', textSize: '100', calm: false };

function read(): Looks {
  try {
    const kept = JSON.parse(globalThis.localStorage?.getItem(KEY) ?? '{}') as Partial<Looks>;
    return {
      theme: THEMES.find(one => one === kept.theme) ?? DEFAULTS.theme,
      density: DENSITIES.find(one => one === kept.density) ?? DEFAULTS.density,
      textSize: TEXT_SIZES.find(one => one === kept.textSize) ?? DEFAULTS.textSize,
      calm: kept.calm === true,
    };
  } catch {
    return DEFAULTS;
  }
}

const [looks, setSignal] = createSignal<Looks>(read());
export { looks };

/** Changes how the page looks, from now on and after a reload. */
export function setLooks(change: Partial<Looks>): void {
  const next = { ...looks(), ...change };
  globalThis.localStorage?.setItem(KEY, JSON.stringify(next));
  setSignal(next);
  applyLooks();
}

/** Puts the choices where the style sheets look for them; once at the start. */
export function applyLooks(): void {
  const { theme, density, textSize, calm } = looks();
  const root = document.documentElement;
  if (theme === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme;
  root.dataset['density'] = density;
  root.dataset['motion'] = calm ? 'none' : 'some';
  root.style.fontSize = `${textSize}%`;
}
