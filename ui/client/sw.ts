// The service worker: keeps the built page so that it opens without a network, and shows what the server's push says.

/** What a service worker has that a page has not; the compiler's library of workers contradicts that of pages. */
type Extended = Event & { waitUntil(work: Promise<unknown>): void };
type Events = {
  install: Extended;
  activate: Extended;
  fetch: Event & { request: Request; respondWith(answer: Promise<Response>): void };
  push: Extended & { data: { json(): unknown } | null };
  notificationclick: Extended & { notification: Notification };
};
type Page = { visibilityState: string; focus(): Promise<unknown> };
type Scope = {
  addEventListener<E extends keyof Events>(name: E, listener: (event: Events[E]) => void): void;
  skipWaiting(): Promise<void>;
  registration: ServiceWorkerRegistration;
  clients: { claim(): Promise<void>; matchAll(options: { type: 'window' }): Promise<Page[]>; openWindow(path: string): Promise<unknown> };
};
const worker = globalThis as unknown as Scope;

const CACHE = 'carillon-page-1';
const ASSETS = /^\/assets\//;
const SHELL = '/';
/** What the page consists of; the build writes it here (build/precache.ts). */
const BUILT = '__CARILLON_ASSETS__'.split(' ');
/** Paths that are the server's, not the page's. */
const SERVER = /^\/(api|upload|ws|sip|cti|bosh|admin|healthz|metrics|\.well-known|sign-in|sign-out|password|status)(\/|$)/;
const ASSETS_MAX = 200;
const SHELL_MILLISECONDS = 3000;

worker.addEventListener('install', event => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then(cache => cache.addAll([SHELL, '/icon.svg', ...BUILT].map(path => new Request(path, { cache: 'reload' }))))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener('activate', event => {
  const others = caches.keys().then(names => Promise.all(names.filter(name => name.startsWith('carillon-page-') && name !== CACHE).map(name => caches.delete(name))));
  event.waitUntil(others.then(() => worker.clients.claim()));
});

worker.addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin || SERVER.test(url.pathname)) return;
  if (ASSETS.test(url.pathname)) event.respondWith(asset(event.request));
  else if (event.request.mode === 'navigate') event.respondWith(shell());
});

/** Their names change with their content: what is kept is right for ever. */
async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  // The same file by another way of asking (a module asks with an origin) is still the same file.
  const kept = await cache.match(request, { ignoreVary: true });
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.ok) {
    await cache.put(request, fresh.clone());
    const all = await cache.keys();
    const old = all.filter(one => ASSETS.test(new URL(one.url).pathname)).slice(0, Math.max(0, all.length - ASSETS_MAX));
    await Promise.all(old.map(one => cache.delete(one)));
  }
  return fresh;
}

/** The newest page if the server answers soon, else the one that is kept. */
async function shell(): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const fresh = await fetch(SHELL, { signal: AbortSignal.timeout(SHELL_MILLISECONDS) });
    if (fresh.ok) await cache.put(SHELL, fresh.clone());
    return fresh;
  } catch {
    return (await cache.match(SHELL, { ignoreVary: true })) ?? Response.error();
  }
}

/** What a push may say: a number, and the sender if the operator wishes; never the words. */
export type Pushed = { count?: number; sender?: string };

worker.addEventListener('push', event => {
  let said: Pushed = {};
  try {
    said = (event.data?.json() ?? {}) as Pushed;
  } catch {
    // A push without words is a push.
  }
  event.waitUntil(told(said));
});

async function told(said: Pushed): Promise<void> {
  const pages = await worker.clients.matchAll({ type: 'window' });
  if (pages.some(page => page.visibilityState === 'visible')) return;
  const german = navigator.language.startsWith('de');
  const sender = typeof said.sender === 'string' ? said.sender.slice(0, 200) : '';
  await worker.registration.showNotification(german ? 'Neue Nachricht' : 'New message', { body: sender, tag: 'carillon', icon: '/icon.svg', data: sender });
}

worker.addEventListener('notificationclick', event => {
  event.notification.close();
  event.waitUntil(
    worker.clients.matchAll({ type: 'window' }).then(pages => {
      const page = pages[0];
      return page ? page.focus() : worker.clients.openWindow('/chats');
    }),
  );
});
