// The area Contacts: groups, what everybody does now, a card of whom one chose.

import { For, Show, Suspense, createMemo, createResource, createSignal } from 'solid-js';
import { api } from '../../core/session.ts';
import type { Contact } from '../../core/im/people.ts';
import { localOf, workAddress } from '../../core/xmpp/address.ts';
import { Button, Field, IconButton } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { Dialog, notify } from '../../kit/overlay.tsx';
import { follow, go, match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { words } from '../../kit/words.ts';
import { callTo } from '../calls/bar.tsx';
import { chatPath, contactPath } from '../chat/path.ts';
import '../chat/chat.css';
import { im, messenger } from '../im.ts';
import { openJump } from '../jump-state.ts';
import { PersonAvatar, PersonLine, reason } from '../person.tsx';
import { plain } from '../text.ts';
import { VirtualList } from '../virtual.tsx';
import { t } from '../words-chat.ts';
import { FAVOURITES, isFavourite, setFavourite } from './favourites.ts';
import './contacts.css';

const ROW_REM = 3.5;

/** A line of the list: a group's name, or a person of it. */
type Line = { group: string } | { contact: Contact };

const chosen = () => match('/contacts/:jid', route().path)?.['jid'] ?? null;

function groupName(group: string): string {
  return group === FAVOURITES ? t('favourites') : group || t('others');
}

const rank = (group: string): number => (group === FAVOURITES ? 0 : group === '' ? 2 : 1);

/** People by group, favourites first; who is in two groups stands in both. */
function linesOf(contacts: readonly Contact[], words: string): Line[] {
  const wanted = words.toLowerCase();
  const fitting = contacts.filter(one => !wanted || one.name.toLowerCase().includes(wanted) || one.jid.includes(wanted));
  const groups = new Map<string, Contact[]>();
  for (const contact of fitting) {
    for (const group of contact.groups.length > 0 ? contact.groups : ['']) {
      const own = groups.get(group);
      if (own) own.push(contact);
      else groups.set(group, [contact]);
    }
  }
  const names = [...groups.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return names.flatMap(group => {
    const lines: Line[] = [{ group }];
    for (const contact of groups.get(group) ?? []) lines.push({ contact });
    return lines;
  });
}

export default function Contacts() {
  const [filter, setFilter] = createSignal('');
  const [adding, setAdding] = createSignal(false);
  const lines = createMemo(() => (messenger() ? linesOf(im().people.list(), filter()) : []));
  return (
    <Show when={messenger()}>
      <div class="panes" classList={{ chosen: chosen() !== null }}>
        <section class="pane-list" aria-label={t('contacts')}>
          <header class="pane-head">
            <h1>{t('contacts')}</h1>
            <IconButton icon="search" label={t('searchDirectory')} onClick={() => openJump()} />
            <IconButton icon="add" label={t('addContact')} onClick={() => setAdding(true)} />
          </header>
          <Requests />
          <Show
            when={im().people.list().length > 0}
            fallback={
              <Empty icon="people" title={t('noContacts')} text={t('noContactsText')}>
                <Button kind="main" onClick={() => openJump()}>
                  {t('searchDirectory')}
                </Button>
                <Button onClick={() => setAdding(true)}>{t('addContact')}</Button>
              </Empty>
            }
          >
            <div class="contact-filter">
              <Field label={t('searchContacts')} hideLabel placeholder={t('searchContacts')} type="search" value={filter()} onInput={setFilter} />
            </div>
            <VirtualList items={lines()} rowHeight={ROW_REM} label={t('contacts')}>
              {line => <Show when={'contact' in line ? line.contact : null} fallback={<h2 class="contact-group">{plain(groupName('group' in line ? line.group : ''))}</h2>}>{contact => <Row contact={contact()} />}</Show>}
            </VirtualList>
          </Show>
        </section>
        <section class="pane-main" aria-label={t('contactCard')}>
          <Show when={chosen()} keyed fallback={<Empty icon="people" title={t('contacts')} text={t('noContactsText')} />}>
            {jid => <Card jid={jid} />}
          </Show>
        </section>
      </div>
      <Show when={adding()}>
        <AddContact onClose={() => setAdding(false)} />
      </Show>
    </Show>
  );
}

function Row(props: { contact: Contact }) {
  return (
    <a class="contact-row" href={contactPath(props.contact.jid)} aria-current={chosen() === props.contact.jid ? 'page' : undefined} onClick={follow} onDblClick={() => go(chatPath(props.contact.jid))}>
      <PersonLine jid={props.contact.jid} />
    </a>
  );
}

function Requests() {
  return (
    <For each={im().people.pending()}>
      {([jid, text]) => (
        <div class="invitation">
          <p>{t('wantsToSee', { name: plain(jid) })}</p>
          <Show when={text}>
            <p class="soft small">{text}</p>
          </Show>
          <div class="acts">
            <Button kind="main" onClick={() => im().people.answer(jid, true)}>
              {t('allow')}
            </Button>
            <Button kind="quiet" onClick={() => im().people.answer(jid, false)}>
              {t('deny')}
            </Button>
          </div>
        </div>
      )}
    </For>
  );
}

const report = (work: Promise<unknown>): void => void work.catch((error: unknown) => notify(String(error), 'bad'));

function Card(props: { jid: string }) {
  const contact = () => im().people.contact(props.jid);
  const blocked = () => im().blocked().includes(props.jid);
  const [removing, setRemoving] = createSignal(false);
  return (
    <div class="card">
      <a class="icon-button back" href="/contacts" aria-label={t('back')} onClick={follow}>
        <Icon name="back" />
      </a>
      <PersonAvatar jid={props.jid} size="large" />
      <h2>
        <bdi>{plain(im().people.nameOf(props.jid))}</bdi>
      </h2>
      <p class="card-reason">
        <bdi>{reason(props.jid)}</bdi>
      </p>
      <p class="soft">
        <bdi>{props.jid}</bdi>
      </p>
      <Numbers jid={props.jid} />
      <div class="acts">
        <Button kind="main" icon="chat" onClick={() => go(chatPath(props.jid))}>
          {t('message')}
        </Button>
        <Button icon="phone" onClick={() => void callTo(props.jid)}>
          {t('call')}
        </Button>
      </div>
      <Show
        when={contact()}
        fallback={
          <Button icon="add" onClick={() => report(im().people.add(props.jid, ''))}>
            {t('addContact')}
          </Button>
        }
      >
        {own => (
          <>
            <Edit contact={own()} />
            <p class="soft small">
              {own().sees ? t('seesYou') : t('noSeesYou')}
              {own().asked ? ` · ${t('asked')}` : ''}
            </p>
            <div class="acts">
              <Button icon="star" onClick={() => report(setFavourite(own(), !isFavourite(own())))}>
                {isFavourite(own()) ? t('unfavourite') : t('favourite')}
              </Button>
              <Button icon="shield" onClick={() => report(im().block(props.jid, !blocked()))}>
                {blocked() ? t('unblock') : t('block')}
              </Button>
              <Button icon="trash" onClick={() => setRemoving(true)}>
                {t('remove')}
              </Button>
            </div>
          </>
        )}
      </Show>
      <Show when={removing()}>
        <Dialog
          title={t('removeAsk', { name: plain(im().people.nameOf(props.jid)) })}
          onClose={() => setRemoving(false)}
          foot={
            <>
              <Button onClick={() => setRemoving(false)}>{words('cancel')}</Button>
              <Button
                kind="danger"
                onClick={() => {
                  setRemoving(false);
                  report(im().people.remove(props.jid).then(() => go('/contacts')));
                }}
              >
                {t('remove')}
              </Button>
            </>
          }
        >
          <p class="soft">{props.jid}</p>
        </Dialog>
      </Show>
    </div>
  );
}

/** The numbers at which somebody is called, as the server's directory has them; nothing while it does not tell. */
async function numbersOf(jid: string): Promise<string[]> {
  const said = await api<{ people?: { jid: string; numbers: string[] }[] }>(`/self/directory?q=${encodeURIComponent(localOf(jid))}`).catch(() => null);
  return said?.people?.find(one => one.jid === jid)?.numbers ?? [];
}

function Numbers(props: { jid: string }) {
  const [numbers] = createResource(() => props.jid, numbersOf);
  return (
    <Suspense>
      <Show when={numbers()?.length}>
        <ul class="card-numbers" aria-label={t('numbers')}>
          <For each={numbers()}>
            {number => (
              <li>
                <a href={`/calls?to=${encodeURIComponent(number)}`} onClick={follow}>
                  {number}
                </a>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </Suspense>
  );
}

function Edit(props: { contact: Contact }) {
  const [name, setName] = createSignal<string | null>(null);
  const [groups, setGroups] = createSignal<string | null>(null);
  const shown = () => props.contact.groups.filter(group => group !== FAVOURITES).join(', ');
  const save = async () => {
    const typed = (groups() ?? shown()).split(',').map(one => one.trim()).filter(Boolean);
    await im().people.save(props.contact.jid, (name() ?? props.contact.name).trim(), isFavourite(props.contact) ? [...typed, FAVOURITES] : typed);
    setName(null);
    setGroups(null);
  };
  return (
    <form
      class="card-edit"
      onSubmit={event => {
        event.preventDefault();
        void save().catch((error: unknown) => notify(String(error), 'bad'));
      }}
    >
      <Field label={t('name')} value={name() ?? props.contact.name} onInput={setName} />
      <Field label={t('groups')} hint={t('groupsHint')} value={groups() ?? shown()} onInput={setGroups} />
      <Show when={name() !== null || groups() !== null}>
        <Button type="submit" kind="main">
          {words('save')}
        </Button>
      </Show>
    </form>
  );
}

function AddContact(props: { onClose: () => void }) {
  const [address, setAddress] = createSignal('');
  const [name, setName] = createSignal('');
  const [problem, setProblem] = createSignal<string | undefined>();
  const add = async () => {
    const typed = address().includes('@') ? address() : `${address()}@${im().client.domain}`;
    const jid = workAddress(typed);
    if (!jid) return setProblem(t('address'));
    try {
      await im().people.add(jid, name().trim());
      notify(t('added', { name: plain(name().trim() || jid) }), 'good');
      props.onClose();
      go(contactPath(jid));
    } catch (error) {
      setProblem(String(error));
    }
  };
  return (
    <Dialog
      title={t('addContact')}
      onClose={props.onClose}
      foot={
        <Button kind="main" onClick={() => void add()}>
          {t('addContact')}
        </Button>
      }
    >
      <form
        class="card-edit"
        onSubmit={event => {
          event.preventDefault();
          void add();
        }}
      >
        <Field label={t('address')} type="text" value={address()} onInput={setAddress} error={problem()} required />
        <Field label={t('name')} value={name()} onInput={setName} />
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
