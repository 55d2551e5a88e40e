// Sounds: music and announcements that callers hear.

import { Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { Empty } from '../../kit/state.tsx';
import { change, send } from '../api/client.ts';
import type { Sound } from '../api/shapes.ts';
import { confirmer } from '../parts/form.tsx';
import { Page, duration } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/telephony.ts';
import { Field } from '../../kit/controls.tsx';

/** Sounds. */
export default function Sounds() {
  const columns: Column<Sound>[] = [
    { key: 'name', title: say('sounds.name'), value: sound => sound.name, sort: 'name', cell: sound => <strong>{sound.name}</strong> },
    { key: 'origin', title: say('sounds.origin'), value: sound => say(sound.of_the_house ? 'sounds.house' : 'sounds.own') },
    { key: 'length', title: say('sounds.seconds'), value: sound => sound.milliseconds, number: true, cell: sound => (typeof sound.milliseconds === 'number' ? duration(sound.milliseconds / 1000) : '–') },
  ];
  const rows = remoteRows<Sound>(() => '/sounds', { columns: () => columns });
  const confirm = confirmer();
  const [adding, setAdding] = createSignal(false);
  const remove = (sound: Sound) => confirm.ask({
    title: say('sounds.remove', { name: sound.name }), text: say('sounds.removeText'), act: say('remove'),
    onDo: async () => { await change('DELETE', `/sounds/${encodeURIComponent(sound.name)}`); rows.asked.again(); },
  });
  const add = () => <Show when={may('sounds:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('sounds.add')}</Button></Show>;
  return (
    <Page title={say('sounds')} about={say('sounds.about')} acts={add()}>
      <Table name="sounds" columns={columns} rows={rows} id={sound => sound.name}
        acts={sound => (may('sounds:write') && !sound.of_the_house ? [{ text: say('remove'), icon: 'trash', danger: true, do: () => remove(sound) }] : [])}
        empty={<Empty icon="microphone" title={say('sounds')} text={say('sounds.about')}>{add()}</Empty>} />
      <Show when={adding()}><AddSound onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
      <confirm.Place />
    </Page>
  );
}

/** A file as base64, without the words in front. */
export async function base64(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let start = 0; start < bytes.length; start += CHUNK) text += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  return btoa(text);
}

/** Bytes that become characters at once: more arguments than this are refused by some browsers. */
const CHUNK = 0x8000;

function AddSound(props: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = createSignal('');
  const [file, setFile] = createSignal<File | undefined>();
  const [busy, setBusy] = createSignal(false);
  const add = async (event: Event) => {
    event.preventDefault();
    const wav = file();
    if (!wav) return;
    setBusy(true);
    const done = await attempt(async () => send('PUT', `/sounds/${encodeURIComponent(name().trim())}`, { body: { wav: await base64(wav) } }), say('sounds.done'));
    setBusy(false);
    if (!done) return;
    props.onDone();
    props.onClose();
  };
  return (
    <Dialog title={say('sounds.add')} onClose={props.onClose}>
      <form class="form" onSubmit={event => void add(event)}>
        <Field label={say('sounds.name')} value={name()} onInput={setName} required />
        <div class="field">
          <label for="sound-file">{say('sounds.file')}</label>
          <input id="sound-file" type="file" accept="audio/wav,.wav" onChange={event => {
            const chosen = event.currentTarget.files?.[0];
            setFile(chosen);
            if (chosen && !name()) setName(chosen.name.replace(/\.wav$/i, '').toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-'));
          }} />
        </div>
        <div class="form-acts"><Button type="submit" kind="main" busy={busy()} disabled={!file() || !name()}>{say('sounds.add')}</Button></div>
      </form>
    </Dialog>
  );
}
