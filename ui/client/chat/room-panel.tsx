// Who is in a room, and what moderators can do.

import { Show, createMemo, createSignal } from 'solid-js';
import type { Occupant } from '../../core/im/rooms.ts';
import { Button, Field, IconButton } from '../../kit/controls.tsx';
import { Menu, type MenuItem, notify } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { go } from '../../kit/route.ts';
import { im } from '../im.ts';
import { plain } from '../text.ts';
import { VirtualList } from '../virtual.tsx';
import { t, why } from '../words-chat.ts';
import { chatPath } from './path.ts';

const ROW_REM = 3.25;
const RANK = { owner: 0, admin: 1, member: 2, none: 3, outcast: 4 };

function report(work: Promise<void>): void {
  work.catch((error: unknown) => notify(error instanceof Error && 'condition' in error ? why(String(error.condition)) : String(error), 'bad'));
}

export function RoomPanel(props: { jid: string; onClose: () => void; onInvite: () => void }) {
  const room = () => im().rooms.room(props.jid);
  const own = () => room()?.occupants.get(room()?.nick ?? '');
  const moderates = () => own()?.role === 'moderator';
  const people = createMemo(() => [...(room()?.occupants.values() ?? [])].sort((a, b) => RANK[a.affiliation] - RANK[b.affiliation] || a.nick.localeCompare(b.nick)));
  const [topic, setTopic] = createSignal<string | null>(null);
  return (
    <aside class="room-panel" aria-label={t('members')}>
      <header class="pane-head">
        <h2>
          {t('members')} ({people().length})
        </h2>
        <IconButton icon="add" label={t('invite')} onClick={() => props.onInvite()} />
        <IconButton icon="close" label={t('back')} onClick={() => props.onClose()} />
      </header>
      <Show when={moderates()}>
        <form
          class="room-topic"
          onSubmit={event => {
            event.preventDefault();
            im().rooms.setSubject(props.jid, topic() ?? room()?.subject ?? '');
            setTopic(null);
          }}
        >
          <Field label={t('topic')} value={topic() ?? room()?.subject ?? ''} onInput={setTopic} />
          <Show when={topic() !== null}>
            <Button type="submit">{t('setTopic')}</Button>
          </Show>
        </form>
      </Show>
      <VirtualList items={people()} rowHeight={ROW_REM} label={t('members')}>
        {person => <OccupantRow room={props.jid} person={person} moderates={moderates() && person !== own()} />}
      </VirtualList>
    </aside>
  );
}

function OccupantRow(props: { room: string; person: Occupant; moderates: boolean }) {
  const person = () => props.person;
  const items = (): MenuItem[] => {
    const { jid, nick, role } = person();
    const all: MenuItem[] = [];
    if (jid && jid !== im().client.bare) all.push({ text: t('message'), icon: 'chat', do: () => go(chatPath(jid)) });
    if (!props.moderates) return all;
    const visitor = role === 'visitor';
    all.push({ text: visitor ? t('giveVoice') : t('takeVoice'), icon: 'microphone', do: () => report(im().rooms.setRole(props.room, nick, visitor ? 'participant' : 'visitor')) });
    all.push({ text: t('kick'), icon: 'signout', danger: true, do: () => report(im().rooms.setRole(props.room, nick, 'none')) });
    if (jid) {
      all.push({ text: t('makeMember'), icon: 'people', do: () => report(im().rooms.setAffiliation(props.room, jid, 'member')) });
      all.push({ text: t('ban'), icon: 'shield', danger: true, do: () => report(im().rooms.setAffiliation(props.room, jid, 'outcast')) });
    }
    return all;
  };
  return (
    <div class="occupant">
      <Avatar name={person().nick} address={person().jid ?? `${props.room}/${person().nick}`} state={person().show} />
      <span class="person-text">
        <bdi class="person-name">{plain(person().nick)}</bdi>
        <span class="soft small">{t(person().role === 'visitor' ? 'role.visitor' : `role.${person().affiliation}`)}</span>
      </span>
      <Show when={items().length > 0}>
        <Menu label={`${t('more')}: ${plain(person().nick)}`} items={items()} />
      </Show>
    </div>
  );
}
