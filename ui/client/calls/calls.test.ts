// Keys, tones and buttons of headsets, as far as no browser is needed.

import { describe, expect, test } from 'vitest';
import { type Collection, bitOf, layoutOf, lightsOf } from './headset-report.ts';
import { DEFAULT, isGoodKey, nameOfKey, readPreferences } from './preferences.ts';
import { DIGITS, MELODIES } from './ring.ts';

/** A headset as WebHID describes many: report 2 with hook, line busy and mute; report 2 out with three lights. */
const HEADSET: Collection[] = [
  { usagePage: 0x0c, usage: 1, inputReports: [{ reportId: 1, items: [{ usages: [0x0c00e9], reportSize: 1, reportCount: 1 }] }] },
  {
    usagePage: 0x0b,
    usage: 5,
    inputReports: [{ reportId: 2, items: [{ usages: [0x0b0020, 0x0b0097, 0x0b002f], reportSize: 1, reportCount: 3 }, { isConstant: true, reportSize: 1, reportCount: 5 }] }],
    outputReports: [{ reportId: 2, items: [{ usages: [0x080017, 0x08001e, 0x080009, 0x080018], reportSize: 1, reportCount: 4 }, { isConstant: true, reportSize: 1, reportCount: 12 }] }],
  },
];

const data = (...bytes: number[]) => new DataView(new Uint8Array(bytes).buffer);

describe('a headset', () => {
  const layout = layoutOf(HEADSET);

  test('says by bits of its reports that it is taken up, and that mute is pressed', () => {
    expect(bitOf(layout.hook, 2, data(0b001))).toBe(true);
    expect(bitOf(layout.hook, 2, data(0b110))).toBe(false);
    expect(bitOf(layout.mute, 2, data(0b100))).toBe(true);
    expect(bitOf(layout.hook, 1, data(1))).toBeNull();
    expect(bitOf(layout.hook, 2, data())).toBeNull();
  });

  test('is told what its lights show', () => {
    expect(lightsOf(layout, { muted: true, offHook: true, ring: false })).toEqual([{ report: 2, bytes: new Uint8Array([0b0101, 0]) }]);
    expect(lightsOf(layout, { muted: false, offHook: false, ring: true })).toEqual([{ report: 2, bytes: new Uint8Array([0b1000, 0]) }]);
  });

  test('without telephony has no buttons', () => {
    expect(layoutOf(HEADSET.slice(0, 1))).toMatchObject({ hook: null, mute: null });
    expect(layoutOf([])).toMatchObject({ hook: null });
  });

  test('may name its buttons by a range', () => {
    const range = layoutOf([{ usagePage: 0x0b, inputReports: [{ items: [{ isRange: true, usageMinimum: 0x0b001f, usageMaximum: 0x0b0030, reportSize: 1, reportCount: 18 }] }] }]);
    expect(range.hook).toEqual({ report: 0, bit: 1 });
    expect(range.mute).toEqual({ report: 0, bit: 16 });
  });
});

describe('what is kept in the browser', () => {
  test('is read again, and nonsense is as if nothing had been chosen', () => {
    const chosen = { ...DEFAULT, device: 'desk' as const, ringVolume: 10, keys: { ...DEFAULT.keys, mute: 'Ctrl+Shift+M' } };
    expect(readPreferences(JSON.stringify(chosen))).toEqual(chosen);
    for (const kept of [null, '', '{', '7', '[]', '{"device":3,"ringVolume":900,"keys":7,"ringTone":"x"}']) expect(readPreferences(kept)).toEqual(DEFAULT);
  });
});

describe('keys', () => {
  const none = { ctrlKey: false, altKey: false, shiftKey: false, metaKey: false };
  test('are named with what is held down', () => {
    expect(nameOfKey({ ...none, key: 'm', ctrlKey: true, shiftKey: true })).toBe('Ctrl+Shift+M');
    expect(nameOfKey({ ...none, key: 'F8' })).toBe('F8');
  });
  test('that somebody types are not for calls', () => {
    expect(['F8', 'Shift+F9', 'Ctrl+Shift+M', 'Alt+A'].map(isGoodKey)).toEqual([true, true, true, true]);
    expect(['M', 'Shift+M', 'Enter', 'F6', 'Ctrl+Tab', 'Shift'].map(isGoodKey)).toEqual([false, false, false, false, false, false]);
  });
});

test('a key sounds as ITU-T Q.23 has it, and a ring tone is over before it begins again', () => {
  expect(DIGITS['1']).toEqual([697, 1209]);
  expect(DIGITS['#']).toEqual([941, 1477]);
  for (const melody of Object.values(MELODIES)) expect(Math.max(...melody.notes.map(note => note.at + note.lasts))).toBeLessThan(melody.every);
});
