// Presence: what one person sees of another at this moment, and why.

import { Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { type PresenceState, PresenceMark } from '../../kit/person.tsx';
import { go, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { get, withQuery } from '../api/client.ts';
import { ask } from '../parts/ask.ts';
import { Card, Mark, Page, When } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { domain } from '../session.ts';
import { say } from '../words/people.ts';

/** What the server explains. */
export type Seen = {
  user: string;
  watcher: string | null;
  may_watch: boolean;
  why: string;
  state: string;
  explanation: string;
  status: string | null;
  reachable_by_chat: boolean;
  reachable_by_phone: boolean;
  observations: Observation[];
};
type Observation = { source: string; says: string; since: string; until: string | null };

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
        {whom => <Show when={query().get('watcher') ?? '-'} keyed>{by => <SeenOf user={whom} watcher={by === '-' ? '' : by} />}</Show>}
      </Show>
    </Page>
  );
}

const STATES: Record<string, PresenceState> = { available: 'available', online: 'available', chat: 'available', away: 'away', xa: 'away', busy: 'busy', dnd: 'dnd', donotdisturb: 'dnd', onthephone: 'calling', inameeting: 'meeting', offline: 'offline', unavailable: 'offline' };

/** The mark for a word of the server. */
export const stateOf = (word: unknown): PresenceState => STATES[String(word).toLowerCase().replace(/[^a-z]/g, '')] ?? 'unknown';

/** What a watcher sees of a user; without a watcher, what is known. */
export function SeenOf(props: { user: string; watcher: string }) {
  const asked = ask(() => get<Seen>(withQuery(`/presence/${encodeURIComponent(props.user)}`, { watcher: props.watcher })), { seconds: 3 });
  const columns: Column<Observation>[] = [
    { key: 'source', title: say('presence.source'), value: row => row.source, cell: row => <strong>{row.source}</strong> },
    { key: 'says', title: say('presence.says'), value: row => row.says },
    { key: 'since', title: say('since'), value: row => row.since, cell: row => <When at={row.since} short /> },
    { key: 'until', title: say('until'), value: row => row.until, cell: row => <When at={row.until} short /> },
  ];
  return (
    <>
      <Waiting for={asked} />
      <Show when={asked.value()}>
        {seen => (
          <div class="stack">
            <Card title={props.watcher ? say('presence.sees', { watcher: props.watcher, user: props.user }) : props.user}>
              <p class="row"><PresenceMark state={stateOf(seen().state)} /><strong>{seen().state}</strong><Show when={seen().status}><q>{seen().status}</q></Show></p>
              <p>{seen().explanation}</p>
              <div class="row">
                <Mark grade={seen().may_watch ? 'good' : 'bad'}>{say(seen().may_watch ? 'presence.may' : 'presence.mayNot')}</Mark>
                <Mark grade={seen().reachable_by_chat ? 'good' : 'off'}>{say(seen().reachable_by_chat ? 'presence.chat' : 'presence.noChat')}</Mark>
                <Mark grade={seen().reachable_by_phone ? 'good' : 'off'}>{say(seen().reachable_by_phone ? 'presence.phone' : 'presence.noPhone')}</Mark>
              </div>
              <p><span class="soft">{say('presence.why')}: </span>{seen().why}</p>
            </Card>
            <h2>{say('presence.sources')}</h2>
            <Table plain name="observations" columns={columns} rows={localRows(() => asked.value()?.observations)} id={row => row.source} empty={<p class="soft">{say('presence.nothing')}</p>} />
          </div>
        )}
      </Show>
    </>
  );
}
