// One calm line when the server is away, with the time of the next try.

import { Match, Switch, createSignal, onCleanup } from 'solid-js';
import { client, session } from '../core/session.ts';
import type { ClientState } from '../core/xmpp/client.ts';
import { Icon } from '../kit/icons.tsx';
import { t } from './words-shell.ts';

/** A short break mends itself before anybody need read of it. */
const QUIET_MILLISECONDS = 2500;
const TICK_MILLISECONDS = 500;

function waiting(): (ClientState & { is: 'waiting' }) | null {
  const state = session.state();
  return state.is === 'waiting' ? state : null;
}

export function Banner() {
  const [now, setNow] = createSignal(Date.now());
  let lostAt = Date.now();
  const timer = setInterval(() => {
    if (session.state().is === 'online') lostAt = Date.now();
    setNow(Date.now());
  }, TICK_MILLISECONDS);
  onCleanup(() => clearInterval(timer));
  const seconds = (until: number) => Math.max(1, Math.ceil((until - now()) / 1000));
  return (
    <div role="status" aria-live="polite">
      <Switch>
        <Match when={session.state().is !== 'online' && now() - lostAt < QUIET_MILLISECONDS}>{null}</Match>
        <Match when={waiting()}>
          {state => (
            <div class="banner">
              <Icon name="warning" size={18} />
              <p>{t('away')}</p>
              <span class="soft" aria-hidden="true">
                {t('retryIn', { count: seconds(state().retryAt) })}
              </span>
              <button type="button" class="button quiet" onClick={() => client.nudge()}>
                {t('retryNow')}
              </button>
            </div>
          )}
        </Match>
        <Match when={session.state().is === 'connecting'}>
          <div class="banner">
            <Icon name="clock" size={18} />
            <p>{t('connecting')}</p>
          </div>
        </Match>
      </Switch>
    </div>
  );
}
