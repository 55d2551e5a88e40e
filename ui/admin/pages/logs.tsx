// Log levels, by module, until the next start.

import { Show } from 'solid-js';
import { Empty } from '../../kit/state.tsx';
import { get, send } from '../api/client.ts';
import { ask } from '../parts/ask.ts';
import { Form, type Values } from '../parts/form.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { notify } from '../../kit/overlay.tsx';
import { may } from '../session.ts';
import { say } from '../words/system.ts';

type Level = { module: string; level: string };
type Answer = Record<string, unknown>;

const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'].map(level => ({ value: level, text: level }));

const levelsOf = (answer: Answer): Level[] => {
  if (Array.isArray(answer['items'])) return answer['items'] as Level[];
  const levels = typeof answer['levels'] === 'object' && answer['levels'] !== null ? answer['levels'] : answer;
  return Object.entries(levels).map(([module, level]) => ({ module, level: String(level) }));
};

/** Log levels. */
export default function Logs() {
  const asked = ask(() => get<Answer>('/log-levels'));
  const set = async (values: Values) => {
    await send('PUT', `/log-levels/${encodeURIComponent(String(values['module']))}`, { body: { level: values['level'] } });
    notify(say('logs.done', { module: String(values['module']), level: String(values['level']) }), 'good');
    asked.again();
  };
  const columns: Column<Level>[] = [
    { key: 'module', title: say('module'), value: row => row.module, cell: row => <code>{row.module}</code> },
    { key: 'level', title: say('level'), value: row => row.level },
  ];
  return (
    <Page title={say('logs')} about={say('logs.about')}>
      <Waiting for={asked} />
      <div class="cards">
        <Table plain name="log-levels" columns={columns} rows={localRows(() => asked.value() && levelsOf(asked.value() ?? {}), asked)} id={row => row.module} empty={<Empty icon="log" title={say('logs')} />} />
        <Show when={may('log:write')}>
          <Card title={say('set')}>
            <Form fields={[{ name: 'module', label: say('module'), hint: say('logs.module'), required: true }, { name: 'level', label: say('level'), kind: 'choice', options: LEVELS }]} values={{ module: 'all', level: 'info' }} send={say('set')} onSend={set} />
          </Card>
        </Show>
      </div>
    </Page>
  );
}
