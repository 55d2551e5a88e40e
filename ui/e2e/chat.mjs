// Drives the chat of the pages as people do, by what they see and press: requests and answers are lines of JSON (tests/interop/test_browser_chat.py).

import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const SETTINGS = JSON.parse(process.env.SETTINGS ?? '{}');
const SECONDS = 30_000;
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const tell = answer => process.stdout.write(`${JSON.stringify(answer)}\n`);
const browser = await chromium.launch({ executablePath: SETTINGS.chromium ?? '/usr/bin/chromium', args: ['--no-sandbox', '--ignore-certificate-errors'] });
const pages = new Map();

function within(page, request) {
  return request.within ? page.locator(request.within).last() : page;
}

function target(page, request) {
  const place = within(page, request);
  if (request.role) return place.getByRole(request.role, { name: request.name, exact: request.exact ?? true });
  if (request.label) return place.getByLabel(request.label, { exact: request.exact ?? true });
  return request.text ? place.getByText(request.text) : page.locator(request.css);
}

/** What each request does; `page` is that of the person whom it names. */
const REQUESTS = {
  async open({ user, password, tour }) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en', viewport: { width: 1280, height: 800 } });
    if (!tour) await context.addInitScript(() => localStorage.setItem('carillon-tour', 'seen'));
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', error => errors.push(String(error.stack ?? error)));
    page.on('console', message => /Content Security Policy|TrustedHTML/.test(message.text()) && errors.push(message.text()));
    pages.set(user, Object.assign(page, { errors }));
    page.setDefaultTimeout(SECONDS);
    await page.goto(SETTINGS.page);
    await page.getByLabel('Work address').fill(`${user}@${SETTINGS.domain}`);
    await page.keyboard.press('Enter');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
    await page.locator('.shell').waitFor();
  },
  click: (page, request) => target(page, request).first().click(),
  focus: (page, request) => target(page, request).first().focus(),
  fill: (page, request) => target(page, request).first().fill(request.value),
  press: (page, request) => page.keyboard.press(request.key),
  type: (page, request) => page.keyboard.type(request.value),
  shows: (page, request) => target(page, request).first().waitFor(),
  gone: (page, request) => target(page, request).first().waitFor({ state: 'detached' }),
  texts: (page, request) => page.locator(request.css).allInnerTexts(),
  upload: (page, request) => page.locator('.composer input[type=file]').setInputFiles(request.path),
  go: (page, request) => page.goto(SETTINGS.page + request.path),
  reload: page => page.reload(),
  errors: page => page.errors,
  evaluate: (page, request) => page.evaluate(request.script),
  async size(page, { width, height, scheme = 'light' }) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme });
  },
  shot: (page, request) => page.screenshot({ path: request.path }).then(() => null),
  /** What axe-core finds, each with the first element. */
  async axe(page) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    return found.violations.map(one => `${one.id}: ${one.nodes[0]?.html} (${one.nodes[0]?.failureSummary})`);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    const value = request.do === 'open' ? await REQUESTS.open(request) : await REQUESTS[request.do](pages.get(request.user), request);
    tell({ event: 'done', id: request.id, value: value ?? null });
  } catch (error) {
    tell({ event: 'failed', id: request.id, text: String(error) });
  }
}
await browser.close();
