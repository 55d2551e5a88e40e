// Devices: phones that are registered now, devices of the dial plan, accounts of devices.

import { Match, Show, Switch, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { change, send } from '../api/client.ts';
import type { Device, PasswordSet, Registration } from '../api/shapes.ts';
import { FormDialog, type Values, confirmer } from '../parts/form.tsx';
import { Copy, Go, Mark, Page, Tabs, When } from '../parts/page.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/telephony.ts';
import { lineAddress } from './lines.tsx';
import { SetPassword, userAddress } from './users.tsx';

/** Devices. */
export default function Devices() {
  const tab = () => (match('/admin/devices/:name', route().path)?.['name'] ? 'all' : 'registered');
  return (
    <Page title={say('devices')} about={say('devices.about')}>
      <Tabs label={say('devices')} tabs={[{ to: '/admin/devices', text: say('devices.registered'), current: tab() === 'registered' }, { to: '/admin/devices/all', text: say('devices.all'), current: tab() === 'all' }]} />
      <Switch>
        <Match when={tab() === 'registered'}><Registered /></Match>
        <Match when={tab() === 'all'}><AllDevices /></Match>
      </Switch>
    </Page>
  );
}

function Registered() {
  const columns: Column<Registration>[] = [
    { key: 'line', title: say('number'), value: row => row.line, sort: 'line', cell: row => <Go to={lineAddress(row.line)}>{row.line}</Go> },
    { key: 'owner', title: say('owner'), value: row => row.owner, sort: 'owner', cell: row => <Show when={row.owner} fallback={<span class="soft">{say('nobody')}</span>}>{owner => <Go to={userAddress(owner())}>{owner()}</Go>}</Show> },
    { key: 'phone', title: say('phone'), value: row => row.phone, sort: 'phone' },
    { key: 'source', title: say('source'), value: row => row.source, sort: 'source' },
    { key: 'expires', title: say('expires'), value: row => row.expires, sort: 'expires', cell: row => <When at={row.expires} short /> },
  ];
  return (
    <Table name="registrations" columns={columns} rows={remoteRows<Registration>(() => '/registrations', { seconds: 3, columns: () => columns })} id={row => `${row.line} ${row.source}`}
      empty={<Empty icon="device" title={say('devices.noneRegistered')} text={say('devices.noneRegisteredText')}><Go to="/admin/lines?add=1" class="button main">{say('lines.add')}</Go></Empty>} />
  );
}

function AllDevices() {
  const columns: Column<Device>[] = [
    { key: 'name', title: say('device'), value: row => row.name, sort: 'name', cell: row => <strong>{row.name}</strong> },
    { key: 'lines', title: say('lines'), value: row => row.lines.join(' ') },
    { key: 'pool', title: say('pool'), value: row => row.pool, sort: 'pool' },
    { key: 'account', title: say('account'), value: row => row.account, sort: 'account' },
    { key: 'registered', title: say('registered'), value: row => row.registered.join(' '), cell: row => <Show when={row.registered.length > 0} fallback={<Mark grade="off">{say('notRegistered')}</Mark>}><Mark grade="good">{row.registered.join(', ')}</Mark></Show> },
  ];
  const rows = remoteRows<Device>(() => '/devices', { columns: () => columns });
  const confirm = confirmer();
  const [adding, setAdding] = createSignal(false);
  const [password, setPassword] = createSignal<string | null>(null);
  const path = (name: string) => `/devices/${encodeURIComponent(name)}`;
  const remove = (row: Device) => confirm.ask({
    title: say('device.remove', { name: row.name }), text: say('device.removeText'), act: say('remove'), done: say('device.removed'),
    onDo: async () => { await change('DELETE', path(row.name)); rows.asked.again(); },
  });
  const acts = (row: Device) => (row.account ? [
    ...(may('passwords:write') ? [{ text: say('newPassword'), icon: 'lock' as const, do: () => setPassword(row.name) }] : []),
    ...(may('devices:write') ? [{ text: say('remove'), icon: 'trash' as const, danger: true, do: () => remove(row) }] : []),
  ] : []);
  const add = () => <Show when={may('devices:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('devices.add')}</Button></Show>;
  return (
    <>
      <Table name="devices" columns={columns} rows={rows} id={row => row.name} acts={acts} tools={add()} empty={<Empty icon="device" title={say('devices.empty')} text={say('devices.emptyText')}>{add()}</Empty>} />
      <Show when={adding()}><AddDevice onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
      <Show when={password()} keyed>{name => <SetPassword title={`${say('newPassword')}: ${name}`} path={`${path(name)}/password`} name={name} onClose={() => setPassword(null)} />}</Show>
      <confirm.Place />
    </>
  );
}

function AddDevice(props: { onClose: () => void; onDone: () => void }) {
  const [made, setMade] = createSignal<PasswordSet | null>(null);
  const add = async (values: Values) => {
    const body = { name: values['name'], ...(values['line'] ? { line: values['line'] } : {}), ...(values['password'] ? { password: values['password'] } : {}) };
    const answer = await send<PasswordSet>('POST', '/devices', { body });
    props.onDone();
    if (answer.password) setMade(answer);
    else props.onClose();
  };
  return (
    <Show
      when={made()?.password}
      fallback={
        <FormDialog title={say('devices.add')} send={say('devices.add')} onSend={add} onClose={() => (made() ? undefined : props.onClose())}
          fields={[
            { name: 'name', label: say('device.name'), hint: say('device.nameHint'), required: true },
            { name: 'line', label: say('number'), kind: 'tel' },
            { name: 'password', label: say('password'), kind: 'password' },
          ]} />
      }
    >
      {password => (
        <Dialog title={say('devices.add')} onClose={props.onClose}>
          <p>{sayPart('made')}</p>
          <p><Copy text={password()} label={say('password')} /></p>
        </Dialog>
      )}
    </Show>
  );
}
