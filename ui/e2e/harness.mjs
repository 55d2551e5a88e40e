// What the checks of the pages share: a browser with the page of a server or of a build, signing in, complaints, axe-core.

import { readFile, stat } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

/** What the caller wants: `page` (origin of the server), `domain`, `people`, `folder` for pictures; `pages` is a build to serve in place of the server's own. */
export const SETTINGS = JSON.parse(process.env.SETTINGS ?? '{}');
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const FLAGS = ['--no-sandbox', '--ignore-certificate-errors', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required', '--disable-dev-shm-usage'];
const KINDS = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json' };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types carillon";
const compressed = new Map();

/** Tells the caller, a line of JSON each. */
export const tell = (event, words = {}) => process.stdout.write(`${JSON.stringify({ event, ...words })}\n`);

/** Where the pages are; a build of one's own is served as the server would, everything else by the server. */
export async function open({ pages = SETTINGS.pages, policy = POLICY } = {}) {
  const browser = await chromium.launch({ executablePath: SETTINGS.chromium ?? '/usr/bin/chromium', args: [...FLAGS, ...(SETTINGS.flags ?? [])] });
  const gateway = pages ? await serve(pages, new URL(SETTINGS.page), policy) : null;
  const origin = gateway ? `http://localhost:${gateway.address().port}` : SETTINGS.page;
  const close = async () => {
    await browser.close();
    gateway?.closeAllConnections();
    gateway?.close();
  };
  return { browser, origin, close };
}

function serve(folder, server, policy) {
  const pass = (asked, answer) => {
    const forth = request({ host: server.hostname, port: server.port, path: asked.url, method: asked.method, headers: asked.headers }, back => {
      if (asked.url?.startsWith('/.well-known/host-meta')) return void rewrite(back, asked, answer);
      answer.writeHead(back.statusCode ?? 502, back.headers);
      back.pipe(answer);
    });
    forth.on('error', () => answer.destroy());
    asked.pipe(forth);
  };
  const gateway = createServer(async (asked, answer) => {
    const path = normalize(new URL(asked.url ?? '/', 'http://x').pathname);
    const found = (await isFile(join(folder, path))) ? path : (path === '/' || path === '/admin/' || (asked.headers.accept ?? '').includes('text/html')) && !/^\/(api|ws|cti|sip|upload)/.test(path) ? (path.startsWith('/admin') ? '/admin/index.html' : '/index.html') : null;
    if (!found || asked.method !== 'GET') return pass(asked, answer);
    const { encoding, body } = await packed(join(folder, found), asked.headers['accept-encoding'] ?? '');
    answer.writeHead(200, { 'content-type': KINDS[extname(found)] ?? 'application/octet-stream', ...(policy ? { 'content-security-policy': policy } : {}), 'cache-control': found.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache', ...(encoding ? { 'content-encoding': encoding } : {}) });
    answer.end(body);
  });
  gateway.on('upgrade', (asked, socket, head) => {
    const there = connect(Number(server.port), server.hostname, () => {
      const fields = Object.entries(asked.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      there.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${fields.join('')}\r\n`);
      there.write(head);
      socket.pipe(there).pipe(socket);
    });
    for (const end of [socket, there]) end.on('error', () => (socket.destroy(), there.destroy()));
  });
  return new Promise(resolve => gateway.listen(0, '127.0.0.1', () => resolve(gateway)));
}

/** The server names its own origin for the WebSocket; the page may only speak with its own. */
async function rewrite(back, asked, answer) {
  let text = '';
  for await (const part of back) text += part;
  answer.writeHead(back.statusCode ?? 502, { 'content-type': back.headers['content-type'] });
  answer.end(text.replaceAll(/wss?:\/\/[^/"]+\/ws/g, `ws://${asked.headers.host}/ws`));
}

async function isFile(path) {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

async function packed(path, taken) {
  const known = compressed.get(path + taken);
  if (known) return known;
  const whole = await readFile(path);
  const made = taken.includes('br') ? { encoding: 'br', body: brotliCompressSync(whole) } : taken.includes('gzip') ? { encoding: 'gzip', body: gzipSync(whole) } : { body: whole };
  compressed.set(path + taken, made);
  return made;
}

/** A page of its own profile that keeps what goes wrong in it: errors, and what the content security policy stopped. */
export async function person(place, { scheme = 'light', width = 1280, height = 800, locale = 'en', seenTour = true, touch = false, prepare } = {}) {
  const context = await place.browser.newContext({ ignoreHTTPSErrors: true, locale, colorScheme: scheme, viewport: { width, height }, hasTouch: touch, permissions: ['microphone', 'camera', 'notifications', 'clipboard-read', 'clipboard-write'] });
  const complaints = [];
  await context.exposeBinding('complain', (_, text) => complaints.push(text));
  await context.addInitScript(tour => {
    addEventListener('securitypolicyviolation', event => globalThis.complain(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    if (tour) localStorage.setItem('carillon-tour', 'seen');
  }, seenTour);
  if (prepare) await context.addInitScript(prepare);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', error => complaints.push(`error: ${error.stack ?? error}`));
  page.on('console', message => message.type() === 'error' && !/Failed to load resource|WebSocket connection to/.test(message.text()) && complaints.push(`console: ${message.text()}`));
  page.on('dialog', dialog => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { context, page, complaints };
}

/** Signs in to the client with keys alone, as one does who has no mouse. */
export async function signIn(page, origin, user, password) {
  await page.goto(`${origin}/`);
  await page.getByLabel('Work address').waitFor();
  await page.keyboard.type(`${user}@${SETTINGS.domain}`);
  await page.keyboard.press('Enter');
  await page.locator('input[type=password]').waitFor();
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.locator('.shell').waitFor();
}

/** Goes to an address of the page without loading it again. */
export async function go(page, path) {
  await page.evaluate(to => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
}

/** What axe-core finds wrong with what is shown now. */
export async function axe(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => `${node.target.join(' ')} (${node.failureSummary?.split('\n')[1]?.trim() ?? ''})`).join(' | ')}`);
}

/** How many pixels the page is wider than a window of that width; text that is cut off inside counts too. */
export async function wider(page, width) {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height: 700 });
  await page.waitForTimeout(120);
  const over = await page.evaluate(() => {
    const seen = [...document.querySelectorAll('main, section, header, form, dialog, nav')].filter(one => one.checkVisibility());
    const cut = seen.filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('[data-scrolls], .table-scroll'));
    return { by: document.documentElement.scrollWidth - innerWidth, cut: cut.slice(0, 3).map(one => `${one.tagName.toLowerCase()}.${one.className}`) };
  });
  if (before) await page.setViewportSize(before);
  return over;
}
