// Calls: live ones, those that have ended, recordings, and one call with its ladder.

import { For, Match, Show, Switch } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { get, send } from '../api/client.ts';
import type { Call, Leg, Trace } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { confirmer } from '../parts/form.tsx';
import { Ladder } from '../parts/ladder.tsx';
import { Card, Facts, Go, Page, Tabs, When, bytes, duration } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/calls.ts';
import { CallState, CallTable, legName } from './call-table.tsx';

/** Calls, or one of them. */
export default function Calls() {
  const one = () => match('/admin/calls/:id', route().path)?.['id'];
  const tab = () => (['live', 'recordings'].includes(one() ?? '') ? one() : one() ? 'call' : 'past');
  return (
    <Switch>
      <Match when={tab() === 'call' && one()} keyed>{id => <CallPage id={id} />}</Match>
      <Match when={true}>
        <Page title={say('calls')} about={say('about')}>
          <Tabs
            label={say('calls')}
            tabs={[
              { to: '/admin/calls', text: say('past'), current: tab() === 'past' },
              { to: '/admin/calls/live', text: say('live'), current: tab() === 'live' },
              { to: '/admin/calls/recordings', text: say('recordings'), current: tab() === 'recordings' },
            ]}
          />
          <Switch>
            <Match when={tab() === 'past'}><CallTable path="/calls" /></Match>
            <Match when={tab() === 'live'}><CallTable path="/calls?live=true" live /></Match>
            <Match when={tab() === 'recordings'}><Recordings /></Match>
          </Switch>
        </Page>
      </Match>
    </Switch>
  );
}

type Recording = { call: string; at: string; bytes: number; path: string };

function Recordings() {
  const columns: Column<Recording>[] = [
    { key: 'call', title: say('call'), value: row => row.call, cell: row => <Go to={`/admin/calls/${row.call}`}>{row.call}</Go> },
    { key: 'at', title: say('when'), value: row => row.at, cell: row => <When at={row.at} /> },
    { key: 'bytes', title: say('size'), value: row => row.bytes, number: true, cell: row => bytes(row.bytes) },
    { key: 'path', title: say('file'), value: row => row.path },
  ];
  return <Table name="recordings" columns={columns} rows={remoteRows<Recording>(() => '/recordings')} id={row => row.path} empty={<Empty icon="microphone" title={say('noRecordings')} text={say('noRecordingsText')} />} />;
}

function CallPage(props: { id: string }) {
  const path = () => `/calls/${encodeURIComponent(props.id)}`;
  const call = ask(() => get<Call>(path()));
  const trace = ask(async () => (may('calls:trace') ? get<Trace>(`${path()}/trace`) : undefined));
  const confirm = confirmer();
  const hangUp = () => confirm.ask({
    title: say('hangUp'), text: say('hangUp.sure'), act: say('hangUp'), done: say('hangUp.done'),
    onDo: async () => { await send('DELETE', path()); call.again(); trace.again(); },
  });
  const title = () => {
    const legs = call.value()?.legs;
    return legs ? `${legName(legs.find(leg => leg.calling))} → ${legName(legs.find(leg => !leg.calling)) || (call.value()?.dialled ?? '')}` : say('call');
  };
  const isLive = () => call.value() !== undefined && call.value()?.state !== 'ended';
  return (
    <Page title={title()} about={`${say('call')} ${props.id}`} up={{ to: '/admin/calls', text: say('calls') }}
      acts={<Show when={isLive() && may('calls:end')}><Button kind="danger" icon="hangup" onClick={hangUp}>{say('hangUp')}</Button></Show>}>
      <Waiting for={call} />
      <Show when={call.value()}>
        {shown => (
          <div class="cards">
            <Card title={say('call')}>
              <Facts
                facts={[
                  [say('state'), <CallState state={shown().state} />],
                  [say('dialled'), shown().dialled],
                  [say('started'), <When at={shown().started} />],
                  [say('answered'), <When at={shown().answered} />],
                  [say('ended'), <When at={shown().ended} />],
                  [say('length'), typeof shown().seconds === 'number' ? duration(shown().seconds ?? 0) : '–'],
                  [say('cause'), shown().cause?.replaceAll('_', ' ') ?? '–'],
                  ...(shown().linked ? [[say('linked'), <Go to={`/admin/calls/${shown().linked}`}>{shown().linked}</Go>] as const] : []),
                ]}
              />
            </Card>
            <For each={shown().legs}>{leg => <LegCard leg={leg} />}</For>
          </div>
        )}
      </Show>
      <Show when={may('calls:trace')}><h2>{say('ladder')}</h2></Show>
      <Show when={trace.value()} fallback={<Show when={trace.failure()}><Empty icon="log" title={say('noTrace')} text={say('noTraceText')} /></Show>}>
        {shown => (
          <>
            <Ladder trace={shown()} />
            <Show when={shown().left_out > 0}><p class="soft">{say('leftOut', { count: shown().left_out })}</p></Show>
          </>
        )}
      </Show>
      <confirm.Place />
    </Page>
  );
}

function LegCard(props: { leg: Leg }) {
  const quality = () => {
    const measured = props.leg.quality;
    if (!measured) return '–';
    const score = typeof measured.mean_opinion_score === 'number' ? `, ${say('score', { score: measured.mean_opinion_score.toFixed(1) })}` : '';
    return say('loss', { lost: measured.lost, packets: measured.packets, jitter: measured.jitter_ms.toFixed(1) }) + score;
  };
  return (
    <Card title={`${say(props.leg.calling ? 'caller' : 'called')}: ${legName(props.leg)}`}>
      <Facts
        facts={[
          [say('state'), <CallState state={props.leg.state} />],
          [say('rang'), <When at={props.leg.alerted} short />],
          [say('answered'), <When at={props.leg.answered} short />],
          [say('cause'), props.leg.cause?.replaceAll('_', ' ') ?? '–'],
          [say('codecs'), props.leg.codecs || '–'],
          [say('quality'), quality()],
          ['Call-ID', props.leg.sip_call_id],
        ]}
      />
    </Card>
  );
}
