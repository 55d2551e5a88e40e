// What is in the dial plan: patterns, partitions, search spaces.

import { For, Match, Show, Switch, createMemo } from 'solid-js';
import { Empty, Failure } from '../../kit/state.tsx';
import { Go, Mark } from '../parts/page.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { say } from '../words/plan.ts';
import { type Parts, type Pattern, type Space, partsOf } from './document.ts';
import { documentAt } from './document-part.tsx';

/** The parts of a document. */
export function ListsPart(props: { document: string }) {
  const parts = createMemo((): { parts: Parts } | { why: string } => {
    try {
      return { parts: partsOf(props.document) };
    } catch (error) {
      return { why: error instanceof Error ? error.message : String(error) };
    }
  });
  const good = () => {
    const now = parts();
    return 'parts' in now ? now.parts : undefined;
  };
  const why = () => {
    const now = parts();
    return 'why' in now ? now.why : undefined;
  };
  return (
    <Switch>
      <Match when={why()}>{text => <Failure title={say('unreadable')} text={text()} />}</Match>
      <Match when={good()?.patterns.length === 0 && good()?.spaces.length === 0}><Empty icon="plan" title={say('noParts')} text={say('noPartsText')} /></Match>
      <Match when={good()}>
        {shown => (
          <div class="stack">
            <h2>{say('patterns')}</h2>
            <Patterns patterns={shown().patterns} />
            <h2>{say('spaces')}</h2>
            <Spaces spaces={shown().spaces} />
            <h2>{say('partitions')}</h2>
            <Partitions partitions={shown().partitions} spaces={shown().spaces.length > 0} />
          </div>
        )}
      </Match>
    </Switch>
  );
}

function Patterns(props: { patterns: Pattern[] }) {
  const columns: Column<Pattern>[] = [
    { key: 'pattern', title: say('pattern'), value: row => row.pattern, cell: row => <code>{row.pattern}</code> },
    { key: 'kind', title: say('kind'), value: row => row.kind },
    { key: 'partition', title: say('partition'), value: row => row.partition },
    { key: 'does', title: say('does'), value: row => row.does },
    { key: 'line', title: say('where'), value: row => row.line, number: true, cell: row => <Show when={row.line}>{line => <Go to={documentAt(line())}>{line()}</Go>}</Show> },
  ];
  return <Table name="patterns" columns={columns} rows={localRows(() => props.patterns)} id={row => `${row.kind} ${row.pattern} ${row.partition}`} empty={<p class="soft">–</p>} />;
}

function Spaces(props: { spaces: Space[] }) {
  const columns: Column<Space>[] = [
    { key: 'name', title: say('space'), value: row => row.name },
    { key: 'partitions', title: say('order'), value: row => row.partitions.join(' '), cell: row => <ol class="chips"><For each={row.partitions}>{name => <li>{name}</li>}</For></ol> },
  ];
  return <Table name="search-spaces" columns={columns} rows={localRows(() => props.spaces)} id={row => row.name} empty={<p class="soft">–</p>} />;
}

function Partitions(props: { partitions: Parts['partitions']; spaces: boolean }) {
  const columns: Column<Parts['partitions'][number]>[] = [
    { key: 'name', title: say('partition'), value: row => row.name },
    { key: 'patterns', title: say('count'), value: row => row.patterns, number: true },
    {
      key: 'spaces',
      title: say('inSpaces'),
      value: row => row.spaces.join(' '),
      cell: row => <Show when={row.spaces.length > 0 || !props.spaces} fallback={<Mark grade="warn">{say('notListed')}</Mark>}><ul class="chips"><For each={row.spaces}>{name => <li>{name}</li>}</For></ul></Show>,
    },
  ];
  return <Table name="partitions" columns={columns} rows={localRows(() => props.partitions)} id={row => row.name} empty={<p class="soft">–</p>} />;
}
