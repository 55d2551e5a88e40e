// The area Settings: a list of sections, and the one that is chosen.

import { For, Show, Suspense, lazy } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { Icon, type IconName } from '../../kit/icons.tsx';
import { follow, match, route } from '../../kit/route.ts';
import { Skeleton } from '../../kit/state.tsx';
import { messenger } from '../im.ts';
import { t } from '../words-settings.ts';
import { About } from './about.tsx';
import { Account } from './account.tsx';
import { Devices } from './devices.tsx';
import { LooksSection } from './looks.tsx';
import { Notifications } from './notifications.tsx';
import { PrivacySection } from './privacy.tsx';
import './settings.css';

const SECTIONS = [
  { name: 'looks', icon: 'screen', page: LooksSection },
  { name: 'privacy', icon: 'shield', page: PrivacySection },
  { name: 'notifications', icon: 'bell', page: Notifications },
  { name: 'calls', icon: 'phone', page: lazy(() => import('../calls/settings.tsx')) },
  { name: 'devices', icon: 'device', page: Devices },
  { name: 'account', icon: 'lock', page: Account },
  { name: 'about', icon: 'globe', page: About },
] as const satisfies { name: string; icon: IconName; page: unknown }[];

const chosen = () => match('/settings/:section', route().path)?.['section'];
const section = () => SECTIONS.find(one => one.name === chosen()) ?? SECTIONS[0];

export default function Settings() {
  return (
    <div class="panes settings" classList={{ chosen: chosen() !== undefined }}>
      <nav class="pane-list" aria-label={t('settings')}>
        <header class="pane-head">
          <h1>{t('settings')}</h1>
        </header>
        <ul class="settings-list">
          <For each={SECTIONS}>
            {one => (
              <li>
                <a class="settings-link" href={`/settings/${one.name}`} aria-current={section() === one ? 'page' : undefined} onClick={follow}>
                  <Icon name={one.icon} />
                  {t(`section.${one.name}`)}
                </a>
              </li>
            )}
          </For>
        </ul>
      </nav>
      <section class="pane-main settings-main" aria-labelledby="settings-title">
        <header class="pane-head">
          <a class="icon-button back" href="/settings" aria-label={t('backup')} onClick={follow}>
            <Icon name="back" />
          </a>
          <h2 id="settings-title">{t(`section.${section().name}`)}</h2>
        </header>
        <div class="settings-body">
          <Suspense fallback={<Skeleton rows={4} />}>
            <Show when={messenger()}>
              <Dynamic component={section().page} />
            </Show>
          </Suspense>
        </div>
      </section>
    </div>
  );
}
