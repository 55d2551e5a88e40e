// Settings: where one is signed in, with a way to end it.

import { For, Show, createResource } from 'solid-js';
import { clientId } from '../../core/account.ts';
import { ApiError, api } from '../../core/session.ts';
import { Button } from '../../kit/controls.tsx';
import { formatTime } from '../../kit/language.ts';
import { notify } from '../../kit/overlay.tsx';
import { Failure, Skeleton } from '../../kit/state.tsx';
import { plain } from '../text.ts';
import { t } from '../words-settings.ts';

type SignIn = { id: string; here: boolean; software: string; device: string; used: string | null };

/** What the server says of each; null when it does not say. */
async function signIns(): Promise<SignIn[] | null> {
  try {
    const said = await api<unknown>('/self/sign-ins');
    const list = Array.isArray(said) ? said : typeof said === 'object' && said !== null && 'items' in said && Array.isArray(said.items) ? said.items : [];
    const own = await clientId();
    return list.map(one => read(one, own));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    if (error instanceof Error && 'condition' in error) return null;
    throw error;
  }
}

function read(one: Record<string, unknown>, own: string): SignIn {
  const text = (name: string) => (typeof one[name] === 'string' ? one[name] : '');
  const id = text('client');
  return { id, here: id === own, software: text('software'), device: text('device'), used: text('used') || text('issued') || null };
}

export function Devices() {
  const [list, { refetch }] = createResource(signIns);
  const end = async (id: string) => {
    await api(`/self/sign-ins/${encodeURIComponent(id)}`, { method: 'DELETE' });
    await refetch();
  };
  return (
    <section aria-labelledby="devices-title">
      <h3 id="devices-title">{t('devices')}</h3>
      <Show when={!list.error} fallback={<Failure title={String(list.error)} onRetry={() => void refetch()} />}>
        <Show when={!list.loading} fallback={<Skeleton rows={3} />}>
          <ul>
            <For each={list() ?? []} fallback={<li class="soft">{t('devicesNone')}</li>}>
              {one => (
                <li class="settings-row">
                  <span>
                    <bdi>{plain(t('software', { software: one.software, device: one.device }))}</bdi>
                    <Show when={one.used}>{used => <span class="soft small">{t('lastUsed', { time: formatTime(Date.parse(used()), { dateStyle: 'medium', timeStyle: 'short' }) })}</span>}</Show>
                  </span>
                  <Show when={!one.here} fallback={<span class="soft small">{t('thisDevice')}</span>}>
                    <Button onClick={() => void end(one.id).catch((error: unknown) => notify(String(error), 'bad'))}>{t('signOutThere')}</Button>
                  </Show>
                </li>
              )}
            </For>
          </ul>
        </Show>
      </Show>
    </section>
  );
}
