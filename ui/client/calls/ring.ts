// Tones made by the browser itself: the ring of a call, the tone while it rings elsewhere, busy, keys. No files.

import type { RingTone } from './preferences.ts';

/** A sound of a tone: frequencies, when it begins and how long it lasts, in seconds. */
export type Note = { hertz: readonly number[]; at: number; lasts: number; fades?: boolean };
export type Melody = { notes: readonly Note[]; every: number };

const strike = (at: number, hertz: number): Note => ({ hertz: [hertz, hertz * 2.76, hertz * 5.4], at, lasts: 1.6, fades: true });

/** Ring tones; the first is a carillon's descending fourth. */
export const MELODIES: Record<Exclude<RingTone, 'none'>, Melody> = {
  carillon: { notes: [strike(0, 659), strike(0.28, 587), strike(0.56, 523), strike(0.84, 392)], every: 3.6 },
  bells: { notes: [strike(0, 523), strike(0.5, 659)], every: 3 },
  classic: { notes: [{ hertz: [400, 450], at: 0, lasts: 0.4 }, { hertz: [400, 450], at: 0.6, lasts: 0.4 }], every: 3 },
  soft: { notes: [{ hertz: [440], at: 0, lasts: 0.9, fades: true }], every: 4 },
};

/** What a caller hears (ETSI TR 101 041 §5): ringing, busy, and that nothing could be done. */
export const PROGRESS: Record<'ringing' | 'busy' | 'failed' | 'waiting', Melody> = {
  ringing: { notes: [{ hertz: [425], at: 0, lasts: 1 }], every: 5 },
  busy: { notes: [{ hertz: [425], at: 0, lasts: 0.48 }], every: 0.96 },
  failed: { notes: [{ hertz: [950], at: 0, lasts: 0.33 }, { hertz: [1400], at: 0.33, lasts: 0.33 }, { hertz: [1800], at: 0.66, lasts: 0.33 }], every: 2 },
  waiting: { notes: [{ hertz: [425], at: 0, lasts: 0.2 }, { hertz: [425], at: 0.4, lasts: 0.2 }], every: 5 },
};

/** The two tones of a key (ITU-T Q.23). */
export const DIGITS: Record<string, readonly [number, number]> = Object.fromEntries(
  ['123A', '456B', '789C', '*0#D'].flatMap((row, line) => [...row].map((key, column) => [key, [[697, 770, 852, 941][line] ?? 0, [1209, 1336, 1477, 1633][column] ?? 0]])),
);

const SOFTEST = 0.0001;
let context: AudioContext | undefined;
let playing: { key: string; stop: () => void } | undefined;

function audio(): AudioContext | undefined {
  try {
    context ??= new AudioContext();
    if (context.state === 'suspended') void context.resume();
    return context;
  } catch {
    return undefined;
  }
}

/** Plays a melody again and again, until another one or none is asked for; the same one goes on. */
export function loop(key: string, melody: Melody | null, volume = 0.5, speaker = ''): void {
  if (playing?.key === key) return;
  playing?.stop();
  playing = undefined;
  const at = melody && audio();
  if (!melody || !at) return;
  void direct(at, speaker);
  const gain = at.createGain();
  gain.gain.value = volume;
  gain.connect(at.destination);
  const once = () => melody.notes.forEach(note => sound(at, gain, note));
  once();
  const timer = setInterval(once, melody.every * 1000);
  playing = {
    key,
    stop: () => {
      clearInterval(timer);
      gain.gain.setTargetAtTime(0, at.currentTime, 0.03);
      setTimeout(() => gain.disconnect(), 300);
    },
  };
}

/** Nothing more is heard. */
export function silence(): void {
  loop('', null);
}

/** Plays a melody once. */
export function once(melody: Melody, volume = 0.4): void {
  const at = audio();
  if (!at) return;
  const gain = at.createGain();
  gain.gain.value = volume;
  gain.connect(at.destination);
  melody.notes.forEach(note => sound(at, gain, note));
}

/** The tone of a key that was pressed. */
export function key(digit: string): void {
  const hertz = DIGITS[digit.toUpperCase()];
  if (hertz) once({ notes: [{ hertz, at: 0, lasts: 0.12 }], every: 1 }, 0.12);
}

/** To the loudspeaker that was chosen for ringing, where the browser can. */
async function direct(at: AudioContext, speaker: string): Promise<void> {
  const chooser = at as AudioContext & { setSinkId?: (id: string) => Promise<void> };
  await chooser.setSinkId?.(speaker).catch(() => undefined);
}

function sound(at: AudioContext, to: AudioNode, note: Note): void {
  const begin = at.currentTime + note.at;
  const end = begin + note.lasts;
  note.hertz.forEach((hertz, index) => {
    const oscillator = at.createOscillator();
    const envelope = at.createGain();
    const loud = 0.4 / note.hertz.length / (note.fades ? index + 1 : 1);
    oscillator.frequency.value = hertz;
    envelope.gain.setValueAtTime(SOFTEST, begin);
    envelope.gain.exponentialRampToValueAtTime(loud, begin + 0.015);
    if (!note.fades) envelope.gain.setValueAtTime(loud, end - 0.02);
    envelope.gain.exponentialRampToValueAtTime(SOFTEST, end);
    oscillator.connect(envelope).connect(to);
    oscillator.start(begin);
    oscillator.stop(end);
  });
}
