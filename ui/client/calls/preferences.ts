// What a person chose for calls on this browser: which phone, which microphone, which tone, which keys. Kept in the browser.

import { createSignal } from 'solid-js';
import type { Device } from '../../core/phone/call.ts';

const KEY = 'carillon-calls';

/** The acts that a key can do without a mouse. */
export const KEY_ACTS = ['answer', 'decline', 'mute', 'hold'] as const;
export type KeyAct = (typeof KEY_ACTS)[number];

export const RING_TONES = ['carillon', 'bells', 'classic', 'soft', 'none'] as const;
export type RingTone = (typeof RING_TONES)[number];

/** Everything that can be chosen. An empty device is the system's own. */
export type Preferences = {
  device: Device;
  microphone: string;
  speaker: string;
  ringSpeaker: string;
  camera: string;
  ringTone: RingTone;
  /** 0 to 100. */
  ringVolume: number;
  notify: boolean;
  keys: Record<KeyAct, string>;
};

/** Function keys are typed nowhere, so that they can be pressed while one writes (WCAG 2.1.4). */
export const DEFAULT: Preferences = {
  device: 'browser',
  microphone: '',
  speaker: '',
  ringSpeaker: '',
  camera: '',
  ringTone: 'carillon',
  ringVolume: 60,
  notify: false,
  keys: { answer: 'F8', decline: 'Shift+F8', mute: 'F9', hold: 'Shift+F9' },
};

/** Reads what was kept; what is not understood is as if it had never been chosen. */
export function readPreferences(kept: string | null): Preferences {
  let read: unknown = null;
  try {
    read = JSON.parse(kept ?? 'null');
  } catch {
    return DEFAULT;
  }
  if (typeof read !== 'object' || read === null) return DEFAULT;
  const of = read as Record<string, unknown>;
  const text = (name: 'microphone' | 'speaker' | 'ringSpeaker' | 'camera') => (typeof of[name] === 'string' ? of[name] : DEFAULT[name]);
  const volume = of['ringVolume'];
  const keys = (typeof of['keys'] === 'object' && of['keys'] !== null ? of['keys'] : {}) as Record<string, unknown>;
  return {
    device: of['device'] === 'desk' ? 'desk' : 'browser',
    microphone: text('microphone'),
    speaker: text('speaker'),
    ringSpeaker: text('ringSpeaker'),
    camera: text('camera'),
    ringTone: RING_TONES.find(tone => tone === of['ringTone']) ?? DEFAULT.ringTone,
    ringVolume: typeof volume === 'number' && volume >= 0 && volume <= 100 ? volume : DEFAULT.ringVolume,
    notify: of['notify'] === true,
    keys: Object.fromEntries(KEY_ACTS.map(act => [act, typeof keys[act] === 'string' ? keys[act] : DEFAULT.keys[act]])) as Record<KeyAct, string>,
  };
}

const [preferences, write] = createSignal(readPreferences(globalThis.localStorage?.getItem(KEY) ?? null));
export { preferences };

/** Chooses, and keeps it. */
export function prefer(some: Partial<Preferences>): void {
  const next = { ...preferences(), ...some };
  globalThis.localStorage?.setItem(KEY, JSON.stringify(next));
  write(next);
}

/** A key as it is named: `Ctrl+Shift+M`, `F8`. */
export function nameOfKey(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'shiftKey' | 'metaKey'>): string {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const parts = [event.ctrlKey && 'Ctrl', event.metaKey && 'Meta', event.altKey && 'Alt', event.shiftKey && 'Shift', key];
  return parts.filter(Boolean).join('+');
}

/** May a key be one for calls? Single characters are not: somebody may be writing. */
export function isGoodKey(name: string): boolean {
  const key = name.split('+').at(-1) ?? '';
  if (['Shift', 'Control', 'Alt', 'Meta', 'Tab', 'Enter', 'Escape', 'F6', ''].includes(key)) return false;
  return /^F\d+$/.test(key) || /(^|\+)(Ctrl|Meta|Alt)\+/.test(`+${name}`);
}
