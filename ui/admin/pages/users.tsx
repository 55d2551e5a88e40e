// Users: the list, and adding one.

import { Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { go, match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { change, send } from '../api/client.ts';
import type { PasswordSet, User, UserAdded } from '../api/shapes.ts';
import { FormDialog, type Values, confirmer } from '../parts/form.tsx';
import { Copy, Facts, Go, Mark, Page } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { domain, may } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/people.ts';
import UserPage from './user.tsx';

/** The address of a user's page. */
export const userAddress = (jid: string, tab = '') => `/admin/users/${encodeURIComponent(jid)}${tab ? `/${tab}` : ''}`;

/** Users, or one of them. */
export default function Users() {
  const one = () => match('/admin/users/:jid', route().path) ?? match('/admin/users/:jid/:tab', route().path);
  return <Show when={one()?.['jid']} fallback={<UserList />} keyed>{jid => <UserPage jid={jid} />}</Show>;
}

function UserList() {
  const columns: Column<User>[] = [
    { key: 'name', title: say('name'), value: user => user.name, sort: 'name', cell: user => <Go to={userAddress(user.jid)}><span class="row"><Avatar name={user.name} address={user.jid} size="small" />{user.name}</span></Go> },
    { key: 'jid', title: say('address'), value: user => user.jid, sort: 'jid' },
    { key: 'lines', title: say('numbers'), value: user => user.lines.join(' ') },
    { key: 'enabled', title: say('state'), value: user => say(user.enabled ? 'enabled' : 'disabled'), cell: user => <Mark grade={user.enabled ? 'good' : 'off'}>{say(user.enabled ? 'enabled' : 'disabled')}</Mark> },
  ];
  const rows = remoteRows<User>(() => '/users', { columns: () => columns });
  const [adding, setAdding] = createSignal(route().query.has('add'));
  const acts = userActs(rows.asked.again);
  const add = () => <Show when={may('users:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('users.add')}</Button></Show>;
  return (
    <Page title={say('users')} about={say('users.about')} acts={add()}>
      <Table
        name="users"
        columns={columns}
        rows={rows}
        id={user => user.jid}
        {...(may('users:write') || may('passwords:write') ? { acts: acts.items } : {})}
        empty={<Empty icon="people" title={say('users.empty')} text={say('users.emptyText')}>{add()}</Empty>}
      />
      <Show when={adding()}><AddUser onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
      <acts.Place />
    </Page>
  );
}

/** What can be done with a user, and the dialogs for it. */
export function userActs(changed: () => void) {
  const confirm = confirmer();
  const [password, setPassword] = createSignal<User | null>(null);
  const enable = (user: User) =>
    attempt(async () => { await change('PATCH', `/users/${encodeURIComponent(user.jid)}`, { enabled: true }); changed(); }, say('enable.done', { name: user.name }));
  const disable = (user: User) => confirm.ask({
    title: `${say('disable')}: ${user.name}`,
    text: say('disable.text', { name: user.name }),
    act: say('disable'),
    done: say('disable.done', { name: user.name }),
    onDo: async () => { await change('PATCH', `/users/${encodeURIComponent(user.jid)}`, { enabled: false }); changed(); },
  });
  const remove = (user: User) => confirm.ask({
    title: say('remove.title', { name: user.name }),
    text: say('remove.text'),
    act: say('remove'),
    name: user.jid,
    done: say('remove.done', { name: user.name }),
    onDo: async () => {
      await change('DELETE', `/users/${encodeURIComponent(user.jid)}`);
      if (route().path !== '/admin/users') go('/admin/users');
      changed();
    },
  });
  return {
    items: (user: User) => [
      ...(may('passwords:write') ? [{ text: say('setPassword'), icon: 'lock' as const, do: () => setPassword(user) }] : []),
      ...(may('users:write') ? [
        user.enabled ? { text: say('disable'), icon: 'pause' as const, do: () => disable(user) } : { text: say('enable'), icon: 'play' as const, do: () => void enable(user) },
        { text: say('remove'), icon: 'trash' as const, danger: true, do: () => remove(user) },
      ] : []),
    ],
    Place: () => (
      <>
        <confirm.Place />
        <Show when={password()} keyed>
          {user => <SetPassword title={`${say('setPassword')}: ${user.name}`} path={`/users/${encodeURIComponent(user.jid)}/password`} name={user.jid} onClose={() => setPassword(null)} />}
        </Show>
      </>
    ),
  };
}

/** Sets a password; one that was made up is shown once. */
export function SetPassword(props: { title: string; path: string; name: string; onClose: () => void }) {
  const [made, setMade] = createSignal<PasswordSet | null>(null);
  const set = async (values: Values) => {
    const body = values['password'] ? { password: values['password'] } : {};
    const answer = await send<PasswordSet | undefined>('PUT', props.path, { body });
    if (answer?.password || answer?.warnings.length) setMade(answer);
    else props.onClose();
  };
  return (
    <Show
      when={made()}
      fallback={
        <FormDialog
          title={props.title}
          fields={[{ name: 'password', label: say('password'), kind: 'password', hint: say('setPassword.hint') }]}
          send={say('setPassword')}
          done={say('setPassword.done')}
          onSend={set}
          onClose={() => (made() ? undefined : props.onClose())}
        />
      }
    >
      {set_ => (
        <Dialog title={props.title} onClose={props.onClose} foot={<Button kind="main" onClick={props.onClose}>{say('done')}</Button>}>
          <Show when={set_().password}>{text => <><p>{sayPart('made')}</p><p><Copy text={text()} label={say('password')} /></p></>}</Show>
          {set_().warnings.map(text => <p><Mark grade="warn">{text}</Mark></p>)}
        </Dialog>
      )}
    </Show>
  );
}

/** Adds a user, then shows once what was made up. */
export function AddUser(props: { onClose: () => void; onDone: () => void }) {
  const [added, setAdded] = createSignal<(UserAdded & { name: string }) | null>(null);
  const add = async (values: Values) => {
    const local = String(values['user']).trim();
    const body = {
      jid: local.includes('@') ? local : `${local}@${domain()}`,
      ...(values['name'] ? { name: values['name'] } : {}),
      ...(values['password'] ? { password: values['password'] } : {}),
      ...(values['line'] ? { line: values['line'] } : {}),
    };
    const answer = await send<UserAdded>('POST', '/users', { body });
    props.onDone();
    setAdded({ ...answer, name: String(values['name'] || local) });
  };
  return (
    <Show
      when={added()}
      fallback={
        <FormDialog
          title={say('users.add')}
          fields={[
            { name: 'user', label: say('userPart'), required: true, hint: say('userPart.hint', { domain: domain() }) },
            { name: 'name', label: say('name') },
            { name: 'line', label: say('number'), kind: 'tel', hint: say('number.hint') },
            { name: 'password', label: say('password'), kind: 'password', hint: say('setPassword.hint') },
          ]}
          send={say('users.add')}
          onSend={add}
          onClose={() => (added() ? undefined : props.onClose())}
        />
      }
    >
      {user => (
        <Dialog title={say('added.title', { name: user().name })} onClose={props.onClose} foot={<Button kind="main" onClick={props.onClose}>{say('done')}</Button>}>
          <Show when={user().password || user().line_password}><p class="soft">{sayPart('made')}</p></Show>
          <h3>{say('added.chat')}</h3>
          <Facts facts={[[say('address'), <Copy text={user().jid} label={say('address')} />], ...(user().password ? [[say('password'), <Copy text={user().password ?? ''} label={say('password')} />] as const] : [])]} />
          <Show when={user().line}>
            {line => (
              <>
                <h3>{say('added.phone')}</h3>
                <Facts facts={[[say('number'), <Copy text={line()} label={say('number')} />], ...(user().line_password ? [[say('password'), <Copy text={user().line_password ?? ''} label={say('linePassword')} />] as const] : [])]} />
              </>
            )}
          </Show>
          {user().warnings.map(text => <p><Mark grade="warn">{text}</Mark></p>)}
        </Dialog>
      )}
    </Show>
  );
}
