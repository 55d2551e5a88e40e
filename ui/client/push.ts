// Web Push on this browser: asked of the browser, told to the server, remembered here.

import { signal } from '../core/signal.ts';
import { disablePush, enablePush, pushKey } from '../core/im/push.ts';
import { im } from './im.ts';
import { askForNotices, noticesAllowed } from './notices.ts';

const NODE = 'carillon-push-node';

/** Whether the server wakes this browser. */
export const pushing = signal(globalThis.localStorage?.getItem(NODE) !== null);

export const canPush = (): boolean => 'serviceWorker' in navigator && 'PushManager' in globalThis && im().services().push !== undefined;

export async function setPush(on: boolean): Promise<void> {
  const service = im().services().push;
  if (!service) return;
  const worker = await navigator.serviceWorker.ready;
  if (!on) {
    const node = localStorage.getItem(NODE);
    localStorage.removeItem(NODE);
    pushing.set(false);
    await (await worker.pushManager.getSubscription())?.unsubscribe();
    if (node) await disablePush(im().client, service, node);
    return;
  }
  if (!noticesAllowed()) await askForNotices();
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: await pushKey(im().client, service) });
  const { endpoint, keys } = made.toJSON();
  localStorage.setItem(NODE, await enablePush(im().client, service, { endpoint: endpoint ?? '', p256dh: keys?.['p256dh'] ?? '', auth: keys?.['auth'] ?? '' }));
  pushing.set(true);
}
