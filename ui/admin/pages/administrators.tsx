// Administrators: who may sign in here, and as what.

import { Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { Empty } from '../../kit/state.tsx';
import { change, send } from '../api/client.ts';
import { FormDialog, type Values, confirmer } from '../parts/form.tsx';
import { Copy, Mark, Page } from '../parts/page.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may, session } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/system.ts';
import { SetPassword } from './users.tsx';

/** The roles that there are. */
export const ROLES = ['administrator', 'operator', 'helpdesk', 'auditor', 'telephony'] as const;

/** Roles to choose from. */
export const roleOptions = () => ROLES.map(role => ({ value: role, text: say(`role.${role}`) }));

type Administrator = { name: string; role: string; second_factor: boolean; must_choose_password: boolean };

const hasFactor = (one: Administrator) => one.second_factor;

/** Administrators. */
export default function Administrators() {
  const columns: Column<Administrator>[] = [
    { key: 'name', title: say('name'), value: one => one.name, sort: 'name', cell: one => <strong>{one.name}</strong> },
    { key: 'role', title: say('role'), value: one => roleText(one.role), sort: 'role' },
    { key: 'factor', title: say('secondFactor'), value: one => say(hasFactor(one) ? 'on' : 'off'), cell: one => <Mark grade={hasFactor(one) ? 'good' : 'warn'}>{say(hasFactor(one) ? 'on' : 'off')}</Mark> },
  ];
  const rows = remoteRows<Administrator>(() => '/administrators');
  const confirm = confirmer();
  const [adding, setAdding] = createSignal(false);
  const [changing, setChanging] = createSignal<Administrator | null>(null);
  const [password, setPassword] = createSignal<string | null>(null);
  const path = (name: string) => `/administrators/${encodeURIComponent(name)}`;
  const own = () => {
    const now = session();
    return now.state === 'in' ? now.person.name : '';
  };
  const remove = (one: Administrator) => confirm.ask({
    title: say('administrators.remove', { name: one.name }), text: say('administrators.removeText'), act: say('remove'), name: one.name,
    onDo: async () => { await change('DELETE', path(one.name)); rows.asked.again(); },
  });
  const acts = (one: Administrator) => (may('administrators:write') && one.name !== own() ? [
    { text: say('changeRole'), icon: 'shield' as const, do: () => setChanging(one) },
    { text: say('password'), icon: 'lock' as const, do: () => setPassword(one.name) },
    { text: say('remove'), icon: 'trash' as const, danger: true, do: () => remove(one) },
  ] : []);
  const add = () => <Show when={may('administrators:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('administrators.add')}</Button></Show>;
  return (
    <Page title={say('administrators')} about={say('administrators.about')} acts={add()}>
      <Table name="administrators" columns={columns} rows={rows} id={one => one.name} acts={acts} empty={<Empty icon="shield" title={say('administrators')}>{add()}</Empty>} />
      <Show when={adding()}><Add onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
      <Show when={changing()} keyed>
        {one => (
          <FormDialog title={`${say('changeRole')}: ${one.name}`} fields={[{ name: 'role', label: say('role'), kind: 'choice', options: roleOptions() }]} values={{ role: one.role }} send={say('changeRole')} done={sayPart('saved')}
            onSend={async values => { await change('PATCH', path(one.name), { role: values['role'] }); rows.asked.again(); }} onClose={() => setChanging(null)} />
        )}
      </Show>
      <Show when={password()} keyed>{name => <SetPassword title={`${say('password')}: ${name}`} path={`${path(name)}/password`} name={name} onClose={() => setPassword(null)} />}</Show>
      <confirm.Place />
    </Page>
  );
}

function roleText(role: string): string {
  const known = ROLES.find(one => one === role);
  return known ? say(`role.${known}`) : role;
}

function Add(props: { onClose: () => void; onDone: () => void }) {
  const [made, setMade] = createSignal<{ name: string; password: string } | null>(null);
  const add = async (values: Values) => {
    const body = { name: values['name'], role: values['role'], ...(values['password'] ? { password: values['password'] } : {}) };
    const answer = await send<{ password?: string | null } | undefined>('POST', '/administrators', { body });
    props.onDone();
    if (answer?.password) setMade({ name: String(values['name']), password: answer.password });
    else props.onClose();
  };
  return (
    <Show
      when={made()}
      fallback={
        <FormDialog title={say('administrators.add')} send={say('administrators.add')} onSend={add} onClose={() => (made() ? undefined : props.onClose())} values={{ role: 'helpdesk' }}
          fields={[
            { name: 'name', label: say('name'), required: true },
            { name: 'role', label: say('role'), kind: 'choice', options: roleOptions() },
            { name: 'password', label: say('password'), kind: 'password', hint: say('password.hint') },
          ]} />
      }
    >
      {one => <Dialog title={say('administrators.made', { name: one().name })} onClose={props.onClose}><p>{sayPart('made')}</p><p><Copy text={one().password} label={say('password')} /></p></Dialog>}
    </Show>
  );
}
