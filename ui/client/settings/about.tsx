// Settings: what this is, and help.

import { createResource, createSignal, Show } from 'solid-js';
import { client, session } from '../../core/session.ts';
import { element } from '../../core/xml.ts';
import { VERSION } from '../../core/xmpp/namespaces.ts';
import { Button } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { showTour } from '../tour-state.ts';
import ShortcutsSheet from '../shortcuts-sheet.tsx';
import { plain } from '../text.ts';
import { registerLinks } from '../worker.ts';
import { t } from '../words-settings.ts';

async function serverVersion(): Promise<string> {
  const said = (await client.iq('get', client.domain, element('query', VERSION)).catch(() => null))?.child('query', VERSION);
  return [said?.textOf('name'), said?.textOf('version')].filter(Boolean).join(' ') || client.domain;
}

export function About() {
  const [server] = createResource(serverVersion);
  const [sheet, setSheet] = createSignal(false);
  return (
    <div class="settings-form">
      <p>{t('signedInAs', { address: session.jid() })}</p>
      <p>{t('server', { server: plain(server() ?? '…') })}</p>
      <p class="soft">{t('installHint')}</p>
      <div class="acts">
        <Button onClick={() => setSheet(true)}>{t('help')}</Button>
        <Button onClick={showTour}>{t('showTour')}</Button>
        <Button onClick={() => notify(t('linksAsked', { count: registerLinks() }))}>{t('links')}</Button>
      </div>
      <Show when={sheet()}>
        <ShortcutsSheet onClose={() => setSheet(false)} />
      </Show>
    </div>
  );
}
