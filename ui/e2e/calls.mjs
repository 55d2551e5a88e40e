// Drives the pages as people do, by what they see and press: commands and events are lines of JSON (tests/interop/test_browser_calls.py).

import { createInterface } from 'node:readline';
import { SETTINGS, go, open, person, signIn, tell } from './harness.mjs';

/** Whatever makes the address of this machine a secret of the browser would have calls wait for a name server. */
const FLAGS = ['--disable-features=WebRtcHideLocalIpsWithMdns'];
const people = new Map();

/** What each command does; `page` is the one of the person whom it names. */
const COMMANDS = {
  async 'sign-in'({ user, password, tone, device = 'browser' }) {
    SETTINGS.flags = tone ? [...FLAGS, `--use-file-for-fake-audio-capture=${tone}`] : FLAGS;
    const place = await open();
    const { page, complaints } = await person(place);
    await page.context().addInitScript(chosen => localStorage.getItem('carillon-calls') ?? localStorage.setItem('carillon-calls', JSON.stringify({ device: chosen })), device);
    people.set(user, { place, page, complaints });
    await signIn(page, place.origin, user, password);
    await go(page, '/calls');
    await page.locator('.calls-ready').getByText(device === 'browser' ? 'Ready: calls ring here.' : /ready\.|No phone is signed in/).waitFor();
  },
  async go({ page, path }) {
    await go(page, path);
  },
  async dial({ page, target, video = false }) {
    await page.getByRole('combobox', { name: 'Name or number' }).fill(target);
    await page.getByRole('button', { name: video ? 'Video call' : 'Call', exact: true }).click();
  },
  async rings({ page, who }) {
    const dialog = page.getByRole('alertdialog', { name: who });
    await dialog.waitFor();
    return { focus: await page.evaluate(() => document.querySelector('[role=alertdialog]')?.contains(document.activeElement) ?? false) };
  },
  async press({ page, key }) {
    await page.keyboard.press(key);
  },
  async type({ page, label, text }) {
    await page.getByLabel(label, { exact: true }).first().pressSequentially(text);
  },
  async click({ page, name, card }) {
    const dialog = page.locator('dialog[open]');
    const place = card ? page.getByRole('article', { name: card }) : page.locator('body');
    const within = (await dialog.count()) > 0 ? dialog : place;
    await within.getByRole('button', { name, exact: true }).click();
  },
  async shows({ page, text, within = 'body' }) {
    await page.locator(within).getByText(text).first().waitFor();
  },
  async gone({ page, within }) {
    await page.locator(within).first().waitFor({ state: 'detached' });
  },
  async target({ page, text }) {
    await page.locator('dialog input').fill(text);
  },
  /** Which of the tones comes out of the page, and how far it stands above the others (decibels). */
  async tone({ page, tones }) {
    return page.evaluate(hear, { tones });
  },
  async text({ page, within }) {
    return { text: await page.locator(within).innerText() };
  },
  async pictures({ page }) {
    const size = () => page.evaluate(() => [...document.querySelectorAll('.call-pictures video')].map(video => [video.className, video.videoWidth]));
    await page.waitForFunction(() => [...document.querySelectorAll('.call-pictures .theirs')].some(video => video.videoWidth > 0), null, { timeout: 15000 });
    return { size: await size() };
  },
  async offline({ page, off }) {
    await page.context().setOffline(off);
  },
  async shot({ page, path }) {
    await page.screenshot({ path });
  },
  async leave({ user }) {
    const { place, complaints } = people.get(user);
    people.delete(user);
    await place.close();
    return { complaints };
  },
};

/** Runs in the page: listens for a second to what its loudspeaker gets. */
async function hear({ tones }) {
  const stream = [...document.querySelectorAll('audio.call-sound')].map(audio => audio.srcObject).find(one => one?.getAudioTracks().length > 0);
  if (!stream) return { hertz: 0, above: 0 };
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(stream).connect(analyser);
  await new Promise(resolve => setTimeout(resolve, 1500));
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const at = hertz => Math.max(...[-1, 0, 1].map(step => levels[Math.round((hertz * analyser.fftSize) / context.sampleRate) + step]));
  const heard = tones.map(hertz => [at(hertz), hertz]).sort((one, other) => other[0] - one[0]);
  await context.close();
  return { hertz: heard[0][1], above: heard[0][0] - heard[1][0], level: heard[0][0] };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, id, ...words } = JSON.parse(line);
  const page = people.get(words.user)?.page;
  page?.setDefaultTimeout(words.seconds ? words.seconds * 1000 : 15_000);
  try {
    tell('done', { id, ...(await COMMANDS[what]({ ...words, page })) });
  } catch (error) {
    if (page && SETTINGS.folder) await page.screenshot({ path: `${SETTINGS.folder}/failed-${id}.png` }).catch(() => undefined);
    tell('failed', { id, what, text: String(error).slice(0, 1500) });
  }
}
await Promise.all([...people.values()].map(({ place }) => place.close()));
