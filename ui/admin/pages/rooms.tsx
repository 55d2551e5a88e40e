// Rooms where several people talk.

import { Empty } from '../../kit/state.tsx';
import { Page } from '../parts/page.tsx';
import { type PlainRow, PlainTable } from '../parts/plain-table.tsx';
import { remoteRows } from '../parts/table.tsx';
import { say } from '../words/system.ts';

/** Rooms. */
export default function Rooms() {
  const rows = remoteRows<PlainRow>(() => '/rooms');
  return (
    <Page title={say('rooms')} about={say('rooms.about')}>
      <PlainTable name="rooms" rows={rows} id="jid" known={{ jid: { title: say('room'), cell: row => <strong>{String(row['jid'])}</strong> } }} empty={<Empty icon="group" title={say('rooms.empty')} text={say('rooms.emptyText')} />} />
    </Page>
  );
}
