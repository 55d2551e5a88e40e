// Measures the client as a person on a slow computer meets it, and Converse.js beside it: loading, opening, scrolling, typing.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS, go, open, person, signIn, tell } from '../e2e/harness.mjs';
import { mainThread } from './trace.mjs';

const [ann, bob] = SETTINGS.people;
const SLOWER = 4;
const NETWORK = { offline: false, downloadThroughput: 10e6 / 8, uploadThroughput: 10e6 / 8, latency: 20 };
const LOADS = 3;
const MESSAGES = 100_000;
const SCROLL_SECONDS = 10;
const KEYS = 80;
const reading = (measure, server, figure, value) => tell('reading', { measure, server, figure, value: Math.round(value * 10) / 10 });

/** A slow computer on a slow line that has nothing of the page yet; counts what came over the line. */
async function slowed(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true });
  await devtools.send('Network.setBypassServiceWorker', { bypass: true });
  await devtools.send('Network.emulateNetworkConditions', NETWORK);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  const scripts = new Map();
  const came = { scripts: 0, all: 0 };
  devtools.on('Network.responseReceived', ({ requestId, type }) => scripts.set(requestId, type));
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    came.all += encodedDataLength;
    if (scripts.get(requestId) === 'Script') came.scripts += encodedDataLength;
  });
  return came;
}

async function load(place, { server, path, row, enter }) {
  for (let round = 0; round < LOADS; round++) {
    const { page, context } = await person(place);
    page.setDefaultTimeout(90_000);
    if (enter) await enter(page);
    await page.goto('about:blank');
    const came = await slowed(page);
    const begin = performance.now();
    await page.goto(`${place.origin}${path}`, { waitUntil: 'commit' });
    await page.locator(row).first().waitFor();
    reading('cold load of the client', server, 'ms until the contacts are there', performance.now() - begin);
    reading('cold load of the client', server, 'KiB of script', came.scripts / 1024);
    reading('cold load of the client', server, 'KiB of everything', came.all / 1024);
    await context.close();
  }
}

/** Fills the cache of the browser as months of talk would. */
async function fill(page, chat) {
  await page.evaluate(
    async ({ chat, own, count }) => {
      const database = await new Promise(resolve => {
        const asked = indexedDB.open(`carillon-${own}`);
        asked.addEventListener('success', () => resolve(asked.result));
      });
      for (let begin = 0; begin < count; begin += 5000) {
        const change = database.transaction(['messages', 'chats'], 'readwrite');
        for (let number = begin; number < begin + 5000; number++) {
          const mine = number % 3 === 0;
          change.objectStore('messages').put({ chat, key: `k${number}`, at: Date.now() - (count - number) * 60_000, from: mine ? own : chat, mine, body: `Message ${number} with some words to read, about as many as people write`, ...(mine ? { delivery: 'read' } : {}), refs: [`${chat}\nk${number}`] });
        }
        change.objectStore('chats').put({ jid: chat, kind: 'chat', at: Date.now(), unread: 0, mentions: 0, readUpTo: Date.now(), last: { text: 'the end', from: chat, mine: false, kind: 'text' } });
        await new Promise(resolve => change.addEventListener('complete', resolve));
      }
      database.close();
    },
    { chat, own: `${ann.user}@${SETTINGS.domain}`, count: MESSAGES },
  );
}

async function opening(place) {
  const { page, context } = await person(place);
  await signIn(page, place.origin, ann.user, ann.password);
  await go(page, '/chats');
  await page.waitForTimeout(1500);
  const chat = `p0001@people.${SETTINGS.domain}`;
  await fill(page, chat);
  for (let round = 0; round < LOADS; round++) {
    await page.goto(`${place.origin}/chats`);
    await page.locator('.chat-row', { hasText: 'Person 0001' }).waitFor();
    await page.waitForTimeout(1500);
    // The first of all includes fetching nothing: the area is loaded. From the click to the frame that shows messages.
    const took = await page.evaluate(
      path =>
        new Promise(resolve => {
          const begin = performance.now();
          const watcher = new MutationObserver(() => {
            if (!document.querySelector('.message')) return;
            watcher.disconnect();
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
          });
          watcher.observe(document.body, { childList: true, subtree: true });
          document.querySelector(`a[href="${path}"]`)?.click();
        }),
      `/chats/${encodeURIComponent(chat)}`,
    );
    reading('a conversation of 100,000 messages', 'carillon', 'ms from the click to its messages', took);
  }
  await context.close();
}

/** How long after a key the frame with its letter is there. */
async function typing(page) {
  await page.evaluate(() => {
    globalThis.latencies = [];
    addEventListener('keydown', event => requestAnimationFrame(() => setTimeout(() => globalThis.latencies.push(performance.now() - event.timeStamp))), { capture: true });
  });
  for (let key = 0; key < KEYS; key++) {
    await page.keyboard.press('abcdefghij '[key % 11]);
    await page.waitForTimeout(40);
  }
  return page.evaluate(() => globalThis.latencies.toSorted((one, other) => one - other));
}

async function many(place) {
  const measure = '1,000 contacts, 50 presence changes a second';
  const { page, context } = await person(place);
  page.setDefaultTimeout(60_000);
  await signIn(page, place.origin, bob.user, bob.password);
  await go(page, '/contacts');
  await page.locator('.contact-row').first().waitFor();
  await page.waitForTimeout(4000);
  tell('changes-on');
  await page.waitForTimeout(1000);
  await page.evaluate(() => {
    globalThis.long = [];
    new PerformanceObserver(list => globalThis.long.push(...list.getEntries().map(one => one.duration))).observe({ type: 'longtask' });
  });
  await page.mouse.move(300, 400);
  await place.browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', 'blink'] });
  const end = Date.now() + SCROLL_SECONDS * 1000;
  for (let turn = 0; Date.now() < end; turn++) {
    await page.mouse.wheel(0, turn % 40 < 30 ? 400 : -300);
    await page.waitForTimeout(16);
  }
  const frames = mainThread(JSON.parse((await place.browser.stopTracing()).toString()));
  const long = await page.evaluate(() => globalThis.long);
  reading(measure, 'carillon', 'tasks over 50 ms while scrolling', long.length);
  reading(measure, 'carillon', 'ms of work a frame, p95', frames.at(Math.floor(frames.length * 0.95)) ?? 0);
  await page.locator('input[type=search]').first().click();
  const latencies = await typing(page);
  reading(measure, 'carillon', 'ms from a key to its frame, p95', latencies.at(Math.floor(latencies.length * 0.95)) ?? 0);
  tell('changes-off');
  const devtools = await context.newCDPSession(page);
  await devtools.send('HeapProfiler.collectGarbage');
  reading(measure, 'carillon', 'MiB of heap', (await devtools.send('Runtime.getHeapUsage')).usedSize / 1048576);
  await context.close();
}

/** Converse.js as its own page, on the same server. */
function converse(folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(SETTINGS.converse, join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html><meta charset="utf-8"><title>Converse.js</title><link rel="stylesheet" href="/dist/converse.min.css"><body><script type="module" src="/start.js"></script>');
  writeFileSync(
    join(folder, 'start.js'),
    `const loaded = new Promise(done => addEventListener('converse-loaded', event => done(event.detail.converse)));
await import('/dist/converse.min.js');
await (await loaded).initialize({ authentication: 'login', auto_login: true, jid: '${ann.user}@${SETTINGS.domain}', password: '${ann.password}', websocket_url: location.origin.replace('http', 'ws') + '/ws', discover_connection_methods: false, view_mode: 'fullscreen', assets_path: '/dist/', loglevel: 'error' });`,
  );
  return folder;
}

async function measured(place, parts) {
  try {
    for (const part of parts) await part(place);
  } finally {
    await place.close();
  }
}

const enter = origin => async page => {
  await signIn(page, origin, ann.user, ann.password);
  await page.waitForTimeout(1000);
};
const own = await open();
await measured(own, [place => load(place, { server: 'carillon', path: '/contacts', row: '.contact-row', enter: enter(place.origin) }), opening, many]);
const other = await open({ pages: converse(join(SETTINGS.folder, 'converse')), policy: '' });
await measured(other, [place => load(place, { server: 'Converse.js', path: '/', row: 'converse-roster-contact' })]);
