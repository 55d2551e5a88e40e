// Looks at every screen of the client with axe-core, in light, dark and high contrast and on a narrow page, and does the daily tasks by keyboard alone.

import { SETTINGS, axe, go, open, person, signIn, tell, wider } from './harness.mjs';

const [ann] = SETTINGS.people;
const room = SETTINGS.room;
const wrong = [];
const NARROW = 320;
/** The screens: address, what must stand there, and what is done first. */
const SCREENS = [
  ['/chats', '.chat-row'],
  [`/chats/${encodeURIComponent(`bob@${SETTINGS.domain}`)}`, '.message'],
  [`/chats/${encodeURIComponent(room)}`, '.message'],
  ['/contacts', '.contact-row'],
  [`/contacts/${encodeURIComponent(`bob@${SETTINGS.domain}`)}`, '.card'],
  ['/calls', '.keypad, .dialler'],
  ['/settings', '.content h1, .content h2'],
  ['/settings/account', '.content h1, .content h2'],
  ['/settings/looks', '.content h1, .content h2'],
  ['/settings/notifications', '.content h1, .content h2'],
  ['/settings/privacy', '.content h1, .content h2'],
  ['/settings/devices', '.content h1, .content h2'],
  ['/settings/calls', '.content h1, .content h2'],
  ['/settings/about', '.content h1, .content h2'],
];
/** What lies over a screen: the key or button that opens it. */
const DIALOGS = [
  ['search', page => page.keyboard.press('Control+k')],
  ['shortcuts', page => page.keyboard.press('Control+/')],
  ['status', page => page.locator('.rail-me').click()],
  ['new room', async page => {
    await go(page, '/chats');
    await page.getByRole('button', { name: 'New conversation' }).first().click();
    await page.getByRole('menuitem', { name: 'New room' }).click();
  }],
  ['add a contact', async page => {
    await go(page, '/contacts');
    await page.getByRole('button', { name: 'Add a contact' }).first().click();
  }],
];

async function look(page, name) {
  for (const theme of ['light', 'dark', 'contrast']) {
    await page.evaluate(one => (document.documentElement.dataset.theme = one), theme);
    await page.waitForTimeout(150);
    for (const one of await axe(page)) wrong.push(`${name}, ${theme}: ${one}`);
  }
  await page.evaluate(() => (document.documentElement.dataset.theme = 'light'));
}

/** A check that finds nothing may be one that does not look. */
async function looksAtAll(page) {
  await page.evaluate(() => document.querySelector('main')?.append(document.createElement('img')));
  if (!(await axe(page)).some(one => one.startsWith('image-alt'))) wrong.push('axe-core does not see a picture without words');
  await page.evaluate(() => document.querySelector('main > img')?.remove());
}

async function narrow(page, name) {
  const { by, cut } = await wider(page, NARROW);
  if (by > 0 || cut.length > 0) wrong.push(`${name}: at ${NARROW} pixels ${by} too wide, cut: ${cut.join(' ')}`);
}

async function screens(place) {
  const { page, complaints, context } = await person(place, { seenTour: false });
  await page.goto(`${place.origin}/`);
  await page.getByLabel('Work address').waitFor();
  await looksAtAll(page);
  await look(page, 'sign-in');
  await narrow(page, 'sign-in');
  await signIn(page, place.origin, ann.user, ann.password);
  await page.locator('dialog').waitFor();
  await look(page, 'tour');
  await narrow(page, 'tour');
  await page.keyboard.press('Escape');
  for (const [path, mark] of SCREENS) {
    await go(page, path);
    await page.locator(mark).filter({ visible: true }).first().waitFor();
    await page.waitForTimeout(400);
    await look(page, path);
    await narrow(page, path);
    tell('looked', { at: path });
  }
  for (const [name, act] of DIALOGS) {
    await act(page);
    await page.locator('dialog').waitFor();
    await look(page, name);
    await narrow(page, name);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    tell('looked', { at: name });
  }
  wrong.push(...complaints);
  await context.close();
}

/** The thing that has the focus: its role, its name, whether it can be seen to have it. */
const focus = page =>
  page.evaluate(() => {
    const one = document.activeElement;
    // The frame around a field may show it in place of the field.
    const shown = [one, one?.parentElement, one?.parentElement?.parentElement].some(place => place && getComputedStyle(place).outlineStyle !== 'none');
    const name = one?.getAttribute('aria-label') ?? one?.textContent ?? '';
    return { tag: one?.tagName ?? '', name: name.trim().slice(0, 60), shown, place: one?.getAttribute('placeholder') ?? '' };
  });

/** Presses Tab until what is wanted has the focus; fails when it never has, or when the focus cannot be seen on the way. */
async function tabTo(page, wanted, key = 'Tab', most = 60) {
  for (let pressed = 0; pressed <= most; pressed++) {
    const now = await focus(page);
    if (now.tag !== 'BODY' && !now.shown) wrong.push(`the focus cannot be seen on ${now.tag} ${now.name}`);
    if (wanted(now)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${most} times ${key} do not lead to ${wanted}`);
}

/** Everything by keyboard: signing in happened so already. */
async function byKeyboard(place) {
  const { page, complaints, context } = await person(place, { prepare: () => localStorage.setItem('carillon-calls', '{"device":"desk"}') });
  await signIn(page, place.origin, ann.user, ann.password);
  await page.locator('.chat-row').first().waitFor();

  await page.keyboard.press('Control+k');
  await page.locator('dialog [role=combobox]').waitFor();
  await page.keyboard.type('carol');
  await page.locator('#hits [role=option]').first().waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.composer textarea').waitFor();
  tell('did', { what: 'find a person' });

  await tabTo(page, now => now.tag === 'TEXTAREA');
  await page.keyboard.type('By keys alone');
  await page.keyboard.press('Enter');
  await page.locator('.message.mine', { hasText: 'By keys alone' }).waitFor();
  tell('did', { what: 'send' });

  await tabTo(page, now => now.tag === 'ARTICLE', 'Shift+Tab');
  for (let up = 0; up < 20 && (await page.evaluate(() => document.activeElement?.classList.contains('mine'))); up++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Reply' }).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.type('An answer by keys');
  await page.keyboard.press('Enter');
  await page.locator('.message.mine .quote').first().waitFor();
  tell('did', { what: 'reply' });

  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), tabTo(page, now => now.name === 'Attach a file', 'Shift+Tab').then(() => page.keyboard.press('Enter'))]);
  await chooser.setFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('written down') });
  await page.locator('.message.mine .file', { hasText: 'notes.txt' }).waitFor();
  tell('did', { what: 'upload' });

  await page.keyboard.press('Control+k');
  await page.locator('dialog [role=combobox]').waitFor();
  await page.keyboard.type('launch');
  await page.locator('#hits [role=option]').first().waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.conversation-head', { hasText: 'Launch day' }).waitFor();
  await tabTo(page, now => now.tag === 'TEXTAREA');
  await page.keyboard.type('I bring it.');
  await page.keyboard.press('Enter');
  await page.locator('.message.mine', { hasText: 'I bring it.' }).waitFor();
  tell('did', { what: 'write in a room' });

  await page.keyboard.press('Alt+ArrowUp');
  await page.keyboard.press('Alt+ArrowDown');
  await tabTo(page, now => /my status/i.test(now.name), 'Shift+Tab', 90);
  await page.keyboard.press('Enter');
  await page.locator('dialog select, dialog [role=radiogroup]').first().waitFor();
  await tabTo(page, now => now.tag === 'SELECT' || now.tag === 'INPUT');
  await page.keyboard.press('ArrowDown');
  await tabTo(page, now => now.name.startsWith('Set'));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /my status.*Away/i }).waitFor();
  tell('did', { what: 'change the status' });

  if (SETTINGS.called) await calls(page);
  wrong.push(...complaints);
  await context.close();
}

/** A call by keys, from the area Calls. */
async function calls(page) {
  await tabTo(page, now => now.name.startsWith('Calls'), 'Tab', 90);
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Name or number' }).waitFor();
  await tabTo(page, now => now.place !== '' || now.tag === 'INPUT');
  await page.keyboard.type(SETTINGS.called);
  await page.getByRole('button', { name: 'Call', exact: true }).and(page.locator(':enabled')).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.call-bar').getByText('Talking').first().waitFor();
  for (const one of await axe(page)) wrong.push(`a call: ${one}`);
  await tabTo(page, now => now.name === 'Hang up', 'Tab', 90);
  await page.keyboard.press('Enter');
  await page.locator('.call-bar').waitFor({ state: 'detached' });
  tell('did', { what: 'call and hang up' });
}

const place = await open();
try {
  for (const part of [screens, byKeyboard]) {
    try {
      await part(place);
    } catch (error) {
      const page = place.browser.contexts().at(-1)?.pages()[0];
      if (SETTINGS.folder) await page?.screenshot({ path: `${SETTINGS.folder}/${part.name}.png` });
      wrong.push(`${part.name}: ${error.stack ?? error}`);
    }
    await Promise.all(place.browser.contexts().map(one => one.close()));
  }
} finally {
  await place.close();
}
for (const one of new Set(wrong)) tell('wrong', { what: one });
tell('done', { wrong: wrong.length });
process.exitCode = wrong.length > 0 ? 1 : 0;
