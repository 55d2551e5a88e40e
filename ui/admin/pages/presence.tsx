// Presence: what one person sees of another at this moment, and why.

import { For, Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { type PresenceState, PresenceMark } from '../../kit/person.tsx';
import { go, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { get, withQuery } from '../api/client.ts';
import { ask } from '../parts/ask.ts';
import { Card, Page } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { Plain } from '../parts/plain.tsx';
import { domain } from '../session.ts';
import { say } from '../words/people.ts';

/** What the server explains. */
export type Explained = Record<string, unknown>;

const full = (name: string) => (name && !name.includes('@') ? `${name}@${domain()}` : name);

/** The simulator. */
export default function Presence() {
  const query = () => route().query;
  const [user, setUser] = createSignal(query().get('user') ?? '');
  const [watcher, setWatcher] = createSignal(query().get('watcher') ?? '');
  const look = (event: Event) => {
    event.preventDefault();
    go(withQuery('/admin/presence', { user: full(user().trim()), watcher: full(watcher().trim()) }));
  };
  return (
    <Page title={say('presenceTitle')} about={say('presence.about')}>
      <form class="row bottom" onSubmit={look}>
        <Field label={say('presence.of')} value={user()} onInput={setUser} required />
        <Field label={say('presence.watcher')} value={watcher()} onInput={setWatcher} />
        <Button type="submit" kind="main">{say('presence.look')}</Button>
      </form>
      <Show when={query().get('user')} keyed fallback={<Empty icon="people" title={say('presence.start')} text={say('presence.startText')} />}>
        {whom => <Show when={query().get('watcher') ?? '-'} keyed>{by => <Seen user={whom} watcher={by === '-' ? '' : by} />}</Show>}
      </Show>
    </Page>
  );
}

const STATES: Record<string, PresenceState> = { available: 'available', online: 'available', chat: 'available', away: 'away', xa: 'away', busy: 'busy', dnd: 'dnd', donotdisturb: 'dnd', onthephone: 'calling', inameeting: 'meeting', offline: 'offline', unavailable: 'offline' };

/** The mark for a word of the server. */
export const stateOf = (word: unknown): PresenceState => STATES[String(word).toLowerCase().replace(/[^a-z]/g, '')] ?? 'unknown';

/** What a watcher sees of a user; without a watcher, what is known. */
export function Seen(props: { user: string; watcher: string }) {
  const asked = ask(() => get<Explained>(withQuery(`/presence/${encodeURIComponent(props.user)}`, { watcher: props.watcher })), { seconds: 3 });
  const word = () => {
    const value = asked.value();
    return value && [value['sees'], value['state'], value['seen'], value['composed']].find(part => typeof part === 'string');
  };
  return (
    <>
      <Waiting for={asked} />
      <Show when={asked.value()}>
        {value => (
          <Card title={props.watcher ? say('presence.sees', { watcher: props.watcher, user: props.user }) : props.user}>
            <Show when={word()}>{text => <p class="row"><PresenceMark state={stateOf(text())} /><strong>{String(text())}</strong></p>}</Show>
            <For each={Object.entries(value())}>{([name, part]) => <Plain name={name} value={part} />}</For>
          </Card>
        )}
      </Show>
    </>
  );
}
