// Reads what somebody hostile has sent: nothing of it runs, becomes markup or hides where it leads; then the server goes away and comes back.

import { createInterface } from 'node:readline';
import { SETTINGS, open, person, signIn, tell } from './harness.mjs';

const [ann] = SETTINGS.people;
const wrong = [];
const BIDI = /[\u202a-\u202e\u2066-\u2069]/u;
const expect = (truth, what) => truth || wrong.push(what);

async function reads(page) {
  await page.locator('.message', { hasText: SETTINGS.last }).waitFor({ timeout: 30_000 });
  await page.waitForTimeout(500);
  const rows = await page.evaluate(() =>
    [...document.querySelectorAll('.message')].map(row => ({
      text: row.querySelector('.text, .note')?.textContent ?? '',
      tags: [...row.querySelectorAll('.text *')].map(one => one.tagName.toLowerCase()),
      links: [...row.querySelectorAll('.text a')].map(one => [one.getAttribute('href'), one.rel, one.target, one.nextElementSibling?.textContent ?? '']),
      wide: row.scrollWidth - row.clientWidth,
    })),
  );
  for (const row of rows) {
    expect(row.tags.every(tag => ['a', 'bdi', 'span', 'mark'].includes(tag)), `a text became markup: ${row.tags} in ${row.text.slice(0, 80)}`);
    expect(row.wide <= 0, `a message is ${row.wide} pixels wider than its place: ${row.text.slice(0, 40)}`);
    for (const [href, rel, target] of row.links) {
      expect(/^(https?:|mailto:|\/open\?uri=)/.test(href ?? ''), `a link leads to ${href}`);
      expect((href ?? '').startsWith('/open') || (rel.includes('noopener') && rel.includes('noreferrer') && target === '_blank'), `a link without noopener: ${href}`);
    }
  }
  for (const text of SETTINGS.shown) expect(rows.some(row => row.text.includes(text)), `not shown as it was written: ${text.slice(0, 60)}`);
  const spoofed = rows.find(row => row.text.includes('bank.example@evil'));
  expect(spoofed?.links[0]?.[3]?.includes('evil.example'), `it is not said where a spoofed link leads: ${JSON.stringify(spoofed?.links)}`);
  expect(rows.some(row => row.links.some(link => /xn--/.test(`${link[0]}${link[3]}`))), 'look-alike letters are not shown as what they are');
  expect(rows.some(row => /OMEMO/.test(row.text)), 'a message that cannot be decrypted is not said to be one');
  return rows.length;
}

/** What Trusted Types and the policy forbid is forbidden: tried from within, as a hole would. */
async function holes(page, complaints) {
  const before = complaints.length;
  const tried = await page.evaluate(async () => {
    // What is run by the debugger itself may make code of strings; what comes after it may not.
    await new Promise(resolve => setTimeout(resolve));
    const attempt = work => {
      try {
        work();
        return 'worked';
      } catch (error) {
        return error.name;
      }
    };
    return {
      markup: attempt(() => (document.createElement('div').innerHTML = '<img src=x onerror=alert(1)>')),
      code: attempt(() => new Function('return 1')()),
      policy: attempt(() => globalThis.trustedTypes.createPolicy('other', { createHTML: text => text })),
      parser: attempt(() => new DOMParser().parseFromString('<b>', 'text/html')),
    };
  });
  for (const [what, came] of Object.entries(tried)) expect(came !== 'worked', `${what} is not forbidden in the page`);
  await page.waitForTimeout(200);
  complaints.splice(before);
}

async function names(page) {
  const shown = await page.locator('.chat-row, .conversation-head').allInnerTexts();
  expect(!shown.some(text => BIDI.test(text)), `a name turns the order of the text around it: ${JSON.stringify(shown)}`);
}

/** Reading and answering goes on, on a page full of the worst. */
async function answers(page) {
  const begin = Date.now();
  await page.locator('.composer textarea').click();
  await page.keyboard.type('Still here');
  await page.keyboard.press('Enter');
  await page.locator('.message.mine', { hasText: 'Still here' }).waitFor();
  return Date.now() - begin;
}

/** One banner while the server is away, what is written waits, and all goes out when it is back. */
async function lost(page, lines) {
  tell('stop-the-server');
  await page.locator('.banner').waitFor({ timeout: 20_000 });
  await page.locator('.composer textarea').click();
  await page.keyboard.type('Written while it was away');
  await page.keyboard.press('Enter');
  await page.locator('.message.mine', { hasText: 'Written while it was away' }).locator('.tick.queued').waitFor();
  await page.waitForTimeout(4000);
  expect((await page.locator('.banner').count()) === 1, 'more than one banner');
  expect((await page.locator('.notice').count()) === 0, `notices besides the banner: ${await page.locator('.notice').allInnerTexts()}`);
  tell('start-the-server');
  await lines.next();
  await page.locator('.banner').waitFor({ state: 'detached', timeout: 40_000 });
  await page.locator('.message.mine', { hasText: 'Written while it was away' }).locator('.tick.sent, .tick.received').waitFor({ timeout: 20_000 });
  expect((await page.locator('.message.mine', { hasText: 'Written while it was away' }).count()) === 1, 'it went out twice');
}

const place = await open();
try {
  const { page, complaints } = await person(place);
  try {
    await signIn(page, place.origin, ann.user, ann.password);
    await page.goto(`${place.origin}/chats/${encodeURIComponent(SETTINGS.from)}`);
    tell('read', { messages: await reads(page) });
    await names(page);
    tell('answered', { milliseconds: await answers(page) });
    await holes(page, complaints);
    expect(complaints.length === 0, complaints.join('\n'));
    tell('safe');
    const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    await lost(page, lines);
    tell('recovered');
    expect(complaints.length === 0, complaints.join('\n'));
  } catch (error) {
    if (SETTINGS.folder) await page.screenshot({ path: `${SETTINGS.folder}/failed.png` });
    wrong.push(String(error.stack ?? error), ...complaints);
  }
} finally {
  await place.close();
}
for (const one of wrong) tell('wrong', { what: one });
tell('done', { wrong: wrong.length });
process.exit(wrong.length > 0 ? 1 : 0);
