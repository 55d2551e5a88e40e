// Drives the console as an administrator does, by what stands on the page: commands and events are lines of JSON (tests/interop/test_browser_admin.py).

import { createInterface } from 'node:readline';
import { SETTINGS, axe, open, person, tell, wider } from './harness.mjs';

const place = await open();
const { page, complaints } = await person(place, { height: 860 });

const COMMANDS = {
  async open({ path }) {
    await page.goto(place.origin + path);
    await page.locator('h1').first().waitFor();
  },
  async fill({ label, text, place = 0 }) {
    await page.getByLabel(label, { exact: true }).nth(place).fill(text);
  },
  async choose({ label, value }) {
    await page.getByLabel(label, { exact: true }).selectOption(value);
  },
  async click({ name, role = 'button', within = 'body' }) {
    await page.locator(within).getByRole(role, { name, exact: true }).first().click();
  },
  async press({ key }) {
    await page.keyboard.press(key);
  },
  async type({ text }) {
    await page.keyboard.type(text);
  },
  /** Goes on by the Tab key until what is named has the focus. */
  async focus({ name, keys }) {
    const named = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim());
    for (let count = 0; count < keys; count++) {
      if ((await named()) === name) return { keys: count };
      await page.keyboard.press('Tab');
    }
    throw new Error(`${keys} times Tab do not lead to ${name}`);
  },
  async shows({ text, within = 'body' }) {
    await page.locator(within).getByText(text).first().waitFor();
  },
  async lacks({ text, within = 'body' }) {
    await page.locator(within).getByText(text).first().waitFor({ state: 'detached' });
  },
  async texts({ within }) {
    await page.locator(within).first().waitFor();
    return { texts: await page.locator(within).evaluateAll(all => all.map(one => one.innerText ?? one.textContent)) };
  },
  async address() {
    return { address: page.url().slice(place.origin.length) };
  },
  /** What is wrong with the page: what axe-core finds in both schemes, what is wider than a small page, what the browser complained of. */
  async look() {
    const found = [];
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(250);
      found.push(...(await axe(page)).map(one => `${colorScheme} ${one}`));
    }
    const over = await wider(page, 320);
    if (over.by > 0 || over.cut.length > 0) found.push(`wider than 320: ${over.by} ${over.cut.join(' ')}`);
    return { found: [...found, ...complaints.splice(0)] };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, id, ...words } = JSON.parse(line);
  page.setDefaultTimeout((words.seconds ?? 15) * 1000);
  try {
    tell('done', { id, ...(await COMMANDS[what](words)) });
  } catch (error) {
    if (SETTINGS.folder) await page.screenshot({ path: `${SETTINGS.folder}/failed-${id}.png` }).catch(() => undefined);
    tell('failed', { id, what, text: String(error).slice(0, 1500) });
  }
}
await place.close();
