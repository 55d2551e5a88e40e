// What the buttons of a headset say: input reports of USB HID (HID Usage Tables, pages 0x0B Telephony and 0x08 LEDs).

/** What is used of a description of a device (WebHID). */
export type Item = { usages?: readonly number[]; reportSize?: number; reportCount?: number; isConstant?: boolean; isRange?: boolean; usageMinimum?: number; usageMaximum?: number };
export type Report = { reportId?: number; items?: readonly Item[] };
export type Collection = { usagePage?: number; usage?: number; inputReports?: readonly Report[]; outputReports?: readonly Report[]; children?: readonly Collection[] };

const TELEPHONY = 0x0b;
const LED = 0x08;
const HOOK = (TELEPHONY << 16) | 0x20;
const MUTE = (TELEPHONY << 16) | 0x2f;
const MUTED_LED = (LED << 16) | 0x09;
const OFF_HOOK_LED = (LED << 16) | 0x17;
const RING_LED = (LED << 16) | 0x18;

type Place = { report: number; bit: number };

/** Where the buttons and the lights of a headset are in its reports. */
export type Layout = { hook: Place | null; mute: Place | null; lights: { muted: Place | null; offHook: Place | null; ring: Place | null }; outputBytes: Map<number, number> };

/** Finds the places. */
export function layoutOf(collections: readonly Collection[]): Layout {
  const all = collections.flatMap(flat).filter(one => one.usagePage === TELEPHONY);
  const inputs = all.flatMap(one => one.inputReports ?? []);
  const outputs = all.flatMap(one => one.outputReports ?? []);
  return {
    hook: find(inputs, HOOK),
    mute: find(inputs, MUTE),
    lights: { muted: find(outputs, MUTED_LED), offHook: find(outputs, OFF_HOOK_LED), ring: find(outputs, RING_LED) },
    outputBytes: new Map(outputs.map(report => [report.reportId ?? 0, Math.ceil(bits(report.items ?? []) / 8)])),
  };
}

function flat(one: Collection): Collection[] {
  return [one, ...(one.children ?? []).flatMap(flat)];
}

function bits(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + (item.reportSize ?? 0) * (item.reportCount ?? 0), 0);
}

function find(reports: readonly Report[], usage: number): Place | null {
  for (const report of reports) {
    let bit = 0;
    for (const item of report.items ?? []) {
      const at = indexOf(item, usage);
      if (at >= 0 && at < (item.reportCount ?? 0)) return { report: report.reportId ?? 0, bit: bit + at * (item.reportSize ?? 0) };
      bit += (item.reportSize ?? 0) * (item.reportCount ?? 0);
    }
  }
  return null;
}

function indexOf(item: Item, usage: number): number {
  if (item.isConstant) return -1;
  if (item.isRange) return usage >= (item.usageMinimum ?? 1) && usage <= (item.usageMaximum ?? 0) ? usage - (item.usageMinimum ?? 0) : -1;
  return item.usages?.indexOf(usage) ?? -1;
}

/** What a report says of a place; null when the place is in another report. */
export function bitOf(place: Place | null, report: number, data: DataView): boolean | null {
  if (!place || place.report !== report || place.bit >> 3 >= data.byteLength) return null;
  return ((data.getUint8(place.bit >> 3) >> (place.bit & 7)) & 1) === 1;
}

/** The reports that make the lights show this. */
export function lightsOf(layout: Layout, on: { muted: boolean; offHook: boolean; ring: boolean }): { report: number; bytes: Uint8Array<ArrayBuffer> }[] {
  const reports = new Map<number, Uint8Array<ArrayBuffer>>();
  for (const light of ['muted', 'offHook', 'ring'] as const) {
    const place = layout.lights[light];
    if (!place) continue;
    const bytes = reports.get(place.report) ?? new Uint8Array(layout.outputBytes.get(place.report) ?? 1);
    reports.set(place.report, bytes);
    const index = place.bit >> 3;
    if (on[light] && index < bytes.length) bytes[index] = (bytes[index] ?? 0) | (1 << (place.bit & 7));
  }
  return [...reports].map(([report, bytes]) => ({ report, bytes }));
}
