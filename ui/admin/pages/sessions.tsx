// Chat clients that are signed in at this moment.

import { Empty } from '../../kit/state.tsx';
import type { ChatSession } from '../api/shapes.ts';
import { Page } from '../parts/page.tsx';
import { remoteRows } from '../parts/table.tsx';
import { say } from '../words/people.ts';
import { SessionTable } from './user.tsx';

/** All sessions. */
export default function Sessions() {
  const rows = remoteRows<ChatSession>(() => '/sessions', { seconds: 5 });
  return (
    <Page title={say('sessions')} about={say('sessions.about')}>
      <SessionTable name="sessions" rows={rows} again={rows.asked.again} empty={<Empty icon="chat" title={say('sessions.empty')} text={say('sessions.emptyText')} />} />
    </Page>
  );
}
