// A headset's own buttons (WebHID): hook switch and mute; and its lights.

import { createSignal } from 'solid-js';
import { type Collection, type Layout, bitOf, layoutOf, lightsOf } from './headset-report.ts';

const TELEPHONY_PAGE = 0x0b;

type HidDevice = EventTarget & {
  opened: boolean;
  productName: string;
  collections: readonly Collection[];
  open(): Promise<void>;
  close(): Promise<void>;
  sendReport(report: number, data: BufferSource): Promise<void>;
};
type InputReport = Event & { reportId: number; data: DataView };
type Hid = EventTarget & { getDevices(): Promise<HidDevice[]>; requestDevice(options: { filters: { usagePage: number }[] }): Promise<HidDevice[]> };

/** What a person does with the buttons. */
export type HeadsetListener = { hook: (off: boolean) => void; mute: () => void };

const hid = () => (navigator as Navigator & { hid?: Hid }).hid;
const [headset, setHeadset] = createSignal('');
let current: { device: HidDevice; layout: Layout } | null = null;
let listener: HeadsetListener | null = null;

/** The name of the headset whose buttons are heard; empty without one. */
export { headset };

/** Can this browser hear the buttons of headsets? */
export function canHear(): boolean {
  return hid() !== undefined;
}

/** Hears the headsets that the person allowed before, and those that come later. */
export async function listen(to: HeadsetListener): Promise<void> {
  listener = to;
  const all = hid();
  if (!all) return;
  all.addEventListener('connect', () => void first());
  all.addEventListener('disconnect', event => {
    if ((event as Event & { device?: HidDevice }).device === current?.device) forget();
  });
  await first();
}

/** Asks the person which headset it is; only by a press of a button. */
export async function choose(): Promise<void> {
  const [device] = (await hid()?.requestDevice({ filters: [{ usagePage: TELEPHONY_PAGE }] })) ?? [];
  if (device) await use(device);
}

/** The lights show how the call is. */
export async function show(on: { muted: boolean; offHook: boolean; ring: boolean }): Promise<void> {
  if (!current) return;
  for (const { report, bytes } of lightsOf(current.layout, on)) await current.device.sendReport(report, bytes).catch(() => undefined);
}

async function first(): Promise<void> {
  const known = (await hid()?.getDevices()) ?? [];
  const device = known.find(one => layoutOf(one.collections).hook);
  if (device && !current) await use(device);
}

async function use(device: HidDevice): Promise<void> {
  if (!device.opened) await device.open().catch(() => undefined);
  if (!device.opened) return;
  const layout = layoutOf(device.collections);
  current = { device, layout };
  setHeadset(device.productName);
  let hook = false;
  let mute = false;
  device.addEventListener('inputreport', event => {
    const { reportId, data } = event as InputReport;
    const off = bitOf(layout.hook, reportId, data);
    if (off !== null && off !== hook) {
      hook = off;
      listener?.hook(off);
    }
    const pressed = bitOf(layout.mute, reportId, data);
    // Mute is a button that is pressed and let go (a one-shot control), not a switch.
    if (pressed === true && !mute) listener?.mute();
    if (pressed !== null) mute = pressed;
  });
}

function forget(): void {
  current = null;
  setHeadset('');
}
