// Takes the pictures of the pages for the documents: the client as Ann sees it, the console as an administrator does, wide and narrow, light and dark.

import { SETTINGS, go, open, person, signIn, tell } from './harness.mjs';

const [ann] = SETTINGS.people;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };
const bob = `/chats/${encodeURIComponent(`bob@${SETTINGS.domain}`)}`;
/** Name, address, what must stand there, what is done then; the main ones also dark and narrow. */
const CLIENT = [
  { name: 'chat', path: bob, mark: '.message .file img, .message', main: true },
  { name: 'room', path: `/chats/${encodeURIComponent(SETTINGS.room)}`, mark: '.message', act: page => page.getByRole('button', { name: 'Members' }).click() },
  { name: 'contacts', path: `/contacts/${encodeURIComponent(`carol@${SETTINGS.domain}`)}`, mark: '.card', main: true },
  { name: 'calls', path: '/calls', mark: '.dialler' },
  { name: 'search', path: bob, mark: '.message', act: async page => {
    await page.keyboard.press('Control+k');
    await page.locator('dialog [role=combobox]').waitFor();
    await page.keyboard.type('blue');
    await page.locator('#hits [role=option]').first().waitFor();
  } },
  { name: 'status', path: bob, mark: '.message', act: page => page.locator('.rail-me').click() },
  { name: 'settings', path: '/settings', mark: '.content h2' },
];
const CONSOLE = [
  { name: 'dashboard', path: '/admin/', main: true },
  { name: 'set-up', path: '/admin/setup' },
  { name: 'users', path: '/admin/users', main: true },
  { name: 'user', path: `/admin/users/${encodeURIComponent(`ann@${SETTINGS.domain}`)}` },
  { name: 'lines', path: '/admin/lines' },
  { name: 'devices', path: '/admin/devices' },
  { name: 'dialplan', path: '/admin/dialplan' },
  { name: 'dialplan-test', path: '/admin/dialplan/test?from=1001&dial=1002' },
  { name: 'trunks', path: '/admin/trunks' },
  { name: 'call-list', path: '/admin/calls' },
  { name: 'ladder', path: '/admin/calls', act: async page => {
    await page.locator('.table-scroll tbody a').first().click();
    await page.locator('.ladder svg').waitFor();
  } },
  { name: 'presence', path: `/admin/presence?user=${encodeURIComponent(`bob@${SETTINGS.domain}`)}` },
  { name: 'rooms', path: '/admin/rooms' },
  { name: 'parameters', path: '/admin/parameters' },
  { name: 'certificates', path: '/admin/certificates' },
  { name: 'audit', path: '/admin/audit' },
  { name: 'backup', path: '/admin/backup' },
];

async function take(page, name) {
  await page.waitForTimeout(700);
  const failure = page.getByText('That did not work').first();
  if (await failure.isVisible()) throw new Error('the page shows a failure');
  await page.screenshot({ path: `${SETTINGS.folder}/${name}.png`, animations: 'disabled', caret: 'hide' });
  tell('taken', { name });
}

async function screen(page, origin, part, { name, path, mark = 'main h1', act, main }) {
  await page.setViewportSize(WIDE);
  if (path.startsWith('/admin')) await page.goto(origin + path);
  else await go(page, path);
  await page.locator(mark).filter({ visible: true }).first().waitFor();
  await page.waitForTimeout(400);
  await act?.(page);
  await take(page, `${part}-${name}`);
  if (main) {
    await page.emulateMedia({ colorScheme: 'dark' });
    await take(page, `${part}-${name}-dark`);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(NARROW);
    await take(page, `${part}-${name}-narrow`);
  }
  // A field with words in it takes the first one.
  for (let pressed = 0; pressed < 3 && (await page.locator('dialog').count()) > 0; pressed++) await page.keyboard.press('Escape');
}

/** One that cannot be taken is told, and the others are. */
async function all(page, origin, part, screens) {
  for (const one of screens) {
    try {
      await screen(page, origin, part, one);
    } catch (error) {
      tell('wrong', { what: `${part}-${one.name}: ${String(error).slice(0, 300)}` });
      process.exitCode = 1;
    }
  }
}

const place = await open();
try {
  const { page } = await person(place, { prepare: () => localStorage.getItem('carillon-calls') ?? localStorage.setItem('carillon-calls', '{"device":"desk"}') });
  await page.goto(`${place.origin}/`);
  await page.getByLabel('Work address').waitFor();
  await take(page, 'client-sign-in');
  await signIn(page, place.origin, ann.user, ann.password);
  await page.locator('.chat-row').first().waitFor();
  await all(page, place.origin, 'client', CLIENT);
  if (SETTINGS.called) {
    tell('call');
    await all(page, place.origin, 'client', [{ name: 'call', path: bob, mark: '.call-bar' }]);
    tell('hang-up');
  }
  const admin = (await person(place)).page;
  await admin.goto(`${place.origin}/admin/`);
  await admin.getByLabel('User name').fill('admin');
  await admin.locator('input[type=password]').fill(SETTINGS.administrator);
  await admin.keyboard.press('Enter');
  await admin.locator('.side-menu').waitFor();
  await all(admin, place.origin, 'console', CONSOLE);
} finally {
  await place.close();
}
