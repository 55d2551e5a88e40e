// Groups of people: made, filled, shared, removed.

import { Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { words } from '../../kit/words.ts';
import { Empty } from '../../kit/state.tsx';
import { change, getTagged, send } from '../api/client.ts';
import type { Group } from '../api/shapes.ts';
import { FormDialog, confirmer } from '../parts/form.tsx';
import { Mark, Page } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { domain, may } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/people.ts';

const path = (name: string) => `/groups/${encodeURIComponent(name)}`;

/** Addresses, one a line; what has no domain is of this one. */
export function addressesIn(text: string, ownDomain: string): string[] {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  return [...new Set(words.map(word => (word.includes('@') ? word : `${word}@${ownDomain}`)))];
}

/** Groups. */
export default function Groups() {
  const columns: Column<Group>[] = [
    { key: 'name', title: say('name'), value: group => group.name, sort: 'name', cell: group => <strong>{group.name}</strong> },
    { key: 'members', title: say('members'), value: group => group.members.join(' '), cell: group => group.members.join(', ') || sayPart('none') },
    { key: 'shared', title: say('shared'), value: group => sayPart(group.shared ? 'yes' : 'no'), cell: group => <Mark grade={group.shared ? 'good' : 'off'}>{sayPart(group.shared ? 'yes' : 'no')}</Mark> },
  ];
  const rows = remoteRows<Group>(() => '/groups', { columns: () => columns });
  const confirm = confirmer();
  const [adding, setAdding] = createSignal(false);
  const [editing, setEditing] = createSignal<Group | null>(null);
  const again = rows.asked.again;
  const share = (group: Group) => attempt(async () => { await change('PATCH', path(group.name), { shared: !group.shared }); again(); }, say('group.saved'));
  const remove = (group: Group) => confirm.ask({
    title: say('group.remove', { name: group.name }), text: say('group.removeText'), act: say('remove'),
    onDo: async () => { await change('DELETE', path(group.name)); again(); },
  });
  const acts = (group: Group) => [
    { text: say('members'), icon: 'people' as const, do: () => setEditing(group) },
    { text: say(group.shared ? 'unshare' : 'share'), icon: 'group' as const, do: () => void share(group) },
    { text: say('remove'), icon: 'trash' as const, danger: true, do: () => remove(group) },
  ];
  const add = () => <Show when={may('groups:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('groups.add')}</Button></Show>;
  return (
    <Page title={say('groups')} about={say('groups.about')} acts={add()}>
      <Table name="groups" columns={columns} rows={rows} id={group => group.name} {...(may('groups:write') ? { acts } : {})} empty={<Empty icon="group" title={say('groups.empty')} text={say('groups.emptyText')}>{add()}</Empty>} />
      <Show when={adding()}>
        <FormDialog title={say('groups.add')} fields={[{ name: 'name', label: say('name'), required: true }]} send={say('groups.add')}
          onSend={async values => { await send('POST', '/groups', { body: { name: values['name'] } }); again(); }} onClose={() => setAdding(false)} />
      </Show>
      <Show when={editing()} keyed>
        {group => (
          <FormDialog
            title={say('group.members', { name: group.name })}
            fields={[{ name: 'members', label: say('members'), kind: 'lines', hint: say('group.membersHint') }]}
            values={{ members: group.members.join('\n') }}
            send={words('save')}
            done={say('group.saved')}
            onSend={async values => {
              const { etag } = await getTagged<Group>(path(group.name));
              await send('PATCH', path(group.name), { etag, body: { members: addressesIn(String(values['members']), domain()) } });
              again();
            }}
            onClose={() => setEditing(null)}
          />
        )}
      </Show>
      <confirm.Place />
    </Page>
  );
}
