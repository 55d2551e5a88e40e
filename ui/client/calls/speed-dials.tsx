// Those whom one calls often, a press away.

import { For, Show } from 'solid-js';
import { Avatar } from '../../kit/person.tsx';
import { t } from '../words-calls.ts';
import { hasSettings, speedDials } from './known.ts';
import { canCall, dial } from './telephone.ts';

/** See the module. */
export function SpeedDials() {
  return (
    <Show when={hasSettings()}>
      <section aria-labelledby="speed-title" class="speed">
        <h2 id="speed-title">{t('speed')}</h2>
        <Show when={speedDials().length > 0} fallback={<p class="small soft">{t('speed.empty')}</p>}>
          <ul>
            <For each={speedDials()}>
              {one => (
                <li>
                  <button type="button" class="speed-dial" disabled={!canCall()} onClick={() => void dial(one.target)}>
                    <Avatar name={one.label || one.target} address={one.target} size="small" />
                    <span class="hidden">{t('speed.call')} </span>
                    <span>
                      <bdi>{one.label || one.target}</bdi>
                      <bdi class="soft small">{one.label ? one.target : ''}</bdi>
                    </span>
                  </button>
                </li>
              )}
            </For>
          </ul>
        </Show>
      </section>
    </Show>
  );
}
