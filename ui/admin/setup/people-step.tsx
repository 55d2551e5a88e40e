// The first users: a line for each, with the next free number.

import { For, Show, createMemo, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { type Page, get, send } from '../api/client.ts';
import type { Line, User, UserAdded } from '../api/shapes.ts';
import { asProblem, ask } from '../parts/ask.ts';
import { Card, Mark } from '../parts/page.tsx';
import { Waiting, inWords } from '../parts/problem.tsx';
import { toCsv } from '../parts/rows.ts';
import { saveFile } from '../parts/save.ts';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { domain } from '../session.ts';
import { say as sayPeople } from '../words/people.ts';
import { say } from '../words/setup.ts';
import { keptRange } from './range-step.tsx';
import { freeNumbers, userNameFor } from './records.ts';

type Person = { name: string; user: string | null };
type Result = { name: string; jid: string; password: string; line: string; linePassword: string; failure: string };

/** The step. */
export function PeopleStep() {
  const lines = ask(() => get<Page<Line>>('/lines?limit=500'));
  const users = ask(() => get<Page<User>>('/users?limit=500'));
  const [people, setPeople] = createSignal<Person[]>([{ name: '', user: null }, { name: '', user: null }, { name: '', user: null }]);
  const [results, setResults] = createSignal<Result[]>([]);
  const [busy, setBusy] = createSignal(false);
  const free = createMemo(() => freeNumbers(keptRange(), new Set(lines.value()?.items.map(line => line.number)), people().length));
  const taken = () => new Set(users.value()?.items.map(user => user.jid.split('@')[0] ?? ''));
  const named = createMemo(() => {
    const names = taken();
    return people().map((person, at) => {
      const user = person.user ?? userNameFor(person.name, names);
      if (user) names.add(user);
      return { name: person.name, user, line: free()[at] ?? '' };
    });
  });
  const put = (at: number, change: Partial<Person>) => setPeople(all => all.map((person, place) => (place === at ? { ...person, ...change } : person)));
  const add = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const done: Result[] = [];
    for (const person of named().filter(one => one.user)) done.push(await addOne(person));
    setResults(done);
    setPeople([{ name: '', user: null }]);
    setBusy(false);
    lines.again();
    users.again();
  };
  return (
    <div class="stack">
      <Waiting for={lines} />
      <Show when={lines.value() && users.value()}>
        <form class="card" onSubmit={event => void add(event)}>
          <p>{say('users.text')}</p>
          <For each={people().map((_, at) => at)}>
            {at => (
              <fieldset class="person-row">
                <legend class="hidden">{say('users.row', { count: at + 1 })}</legend>
                <Field label={say('users.name')} value={people()[at]?.name ?? ''} onInput={name => put(at, { name })} autocomplete="off" />
                <Field label={say('users.user')} value={named()[at]?.user ?? ''} onInput={user => put(at, { user })} autocomplete="off" />
                <Field label={say('users.number')} value={named()[at]?.line ?? ''} onInput={() => undefined} disabled />
              </fieldset>
            )}
          </For>
          <div class="row">
            <Button icon="add" kind="quiet" onClick={() => setPeople(all => [...all, { name: '', user: null }])}>{say('users.more')}</Button>
            <span class="table-space" />
            <Button type="submit" kind="main" busy={busy()} disabled={!named().some(person => person.user)}>{say('users.add')}</Button>
          </div>
        </form>
      </Show>
      <Show when={results().length > 0}><Results results={results()} /></Show>
    </div>
  );
}

async function addOne(person: { name: string; user: string; line: string }): Promise<Result> {
  const jid = `${person.user}@${domain()}`;
  const result = { name: person.name || person.user, jid, password: '', line: person.line, linePassword: '', failure: '' };
  try {
    const made = await send<UserAdded>('POST', '/users', { body: { jid, name: person.name, ...(person.line ? { line: person.line } : {}) } });
    return { ...result, password: made.password ?? '', linePassword: made.line_password ?? '' };
  } catch (error) {
    return { ...result, failure: inWords(asProblem(error)) };
  }
}

function Results(props: { results: Result[] }) {
  const good = () => props.results.filter(result => !result.failure);
  const save = () => saveFile('people.csv', toCsv(['name', 'jid', 'password', 'line', 'line_password'], good().map(one => [one.name, one.jid, one.password, one.line, one.linePassword])), 'text/csv');
  const columns: Column<Result>[] = [
    { key: 'name', title: sayPeople('name'), value: one => one.name },
    { key: 'jid', title: sayPeople('address'), value: one => one.jid },
    { key: 'password', title: sayPeople('password'), value: one => one.password || one.failure, cell: one => <Show when={!one.failure} fallback={<Mark grade="bad">{say('users.failed', { why: one.failure })}</Mark>}><code>{one.password}</code></Show> },
    { key: 'line', title: sayPeople('number'), value: one => one.line },
    { key: 'linePassword', title: sayPeople('linePassword'), value: one => one.linePassword, cell: one => <code>{one.linePassword}</code> },
  ];
  return (
    <Card title={say('users.added', { count: good().length })} acts={<Button icon="download" onClick={save}>{say('users.save')}</Button>}>
      <p role="status">{say('users.shown')}</p>
      <Table plain name="people" columns={columns} rows={localRows(() => props.results)} id={one => one.jid} empty={<p />} />
    </Card>
  );
}
