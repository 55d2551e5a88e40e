// Rooms where several people talk.

import { Show } from 'solid-js';
import { Empty } from '../../kit/state.tsx';
import type { Room } from '../api/shapes.ts';
import { Mark, Page } from '../parts/page.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/system.ts';

/** Rooms. */
export default function Rooms() {
  const columns: Column<Room>[] = [
    { key: 'jid', title: say('room'), value: room => room.jid, sort: 'jid', cell: room => <strong>{room.jid}</strong> },
    { key: 'owners', title: say('owners'), value: room => room.owners.join(', '), sort: 'owners', cell: room => <Show when={!room.orphaned} fallback={<Mark grade="warn">{say('orphaned')}</Mark>}>{room.owners.join(', ')}</Show> },
    { key: 'admins', title: say('admins'), value: room => room.admins.join(', ') || sayPart('none'), sort: 'admins' },
    { key: 'members', title: say('members'), value: room => room.members, number: true, sort: 'members' },
    { key: 'outcasts', title: say('outcasts'), value: room => room.outcasts, number: true, extra: true, sort: 'outcasts' },
  ];
  return (
    <Page title={say('rooms')} about={say('rooms.about')}>
      <Table name="rooms" columns={columns} rows={remoteRows<Room>(() => '/rooms', { columns: () => columns })} id={room => room.jid} empty={<Empty icon="group" title={say('rooms.empty')} text={say('rooms.emptyText')} />} />
    </Page>
  );
}
