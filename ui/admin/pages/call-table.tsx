// A table of calls, for every page that has some.

import { Empty } from '../../kit/state.tsx';
import type { Call, Leg } from '../api/shapes.ts';
import { Go, Mark, When, duration } from '../parts/page.tsx';
import { type Column, Table, localRows, remoteRows } from '../parts/table.tsx';
import { say } from '../words/calls.ts';

/** What a device in a call is called. */
export const legName = (leg: Leg | undefined): string => (leg ? leg.name || leg.address || leg.line || '' : '');

/** How a call or a leg is, in a word. */
export function CallState(props: { state: string }) {
  const grade = () => (props.state === 'talking' ? 'good' : props.state === 'ended' ? 'off' : 'warn');
  return <Mark grade={grade()}>{stateText(props.state)}</Mark>;
}

/** A state in a word. */
export function stateText(state: string): string {
  const key = `state.${state}`;
  const text = say(key as 'state.ended');
  return text === key ? state : text;
}

/** Calls of a list of the interface. */
export function CallTable(props: { path: string; live?: boolean; only?: (call: Call) => boolean }) {
  const columns = (): Column<Call>[] => [
    { key: 'from', title: say('from'), value: call => legName(call.legs.find(leg => leg.calling)), cell: call => <Go to={`/admin/calls/${call.id}`}>{legName(call.legs.find(leg => leg.calling)) || call.id}</Go> },
    { key: 'to', title: say('to'), value: call => legName(call.legs.find(leg => !leg.calling)) || call.dialled },
    { key: 'dialled', title: say('dialled'), value: call => call.dialled, extra: true },
    { key: 'started', title: say('started'), value: call => call.started, cell: call => <When at={call.started} short /> },
    ...(props.live
      ? [{ key: 'state', title: say('state'), value: (call: Call) => stateText(call.state), cell: (call: Call) => <CallState state={call.state} /> }]
      : [
          { key: 'seconds', title: say('length'), value: (call: Call) => call.seconds, number: true, cell: (call: Call) => (typeof call.seconds === 'number' ? duration(call.seconds) : '–') },
          { key: 'cause', title: say('cause'), value: (call: Call) => call.cause?.replaceAll('_', ' ') },
        ]),
    { key: 'codecs', title: say('codecs'), value: call => call.legs[0]?.codecs, extra: true },
    { key: 'id', title: say('call'), value: call => call.id, extra: true },
  ];
  const all = remoteRows<Call>(() => props.path, props.live ? { seconds: 2 } : {});
  const rows = props.only ? localRows(() => all.asked.value()?.items.filter(call => props.only?.(call)), all.asked) : all;
  return (
    <Table
      name="calls"
      columns={columns()}
      rows={rows}
      id={call => call.id}
      empty={<Empty icon="phone" title={say(props.live ? 'noLive' : 'noPast')} text={say(props.live ? 'noLiveText' : 'noPastText')} />}
    />
  );
}
