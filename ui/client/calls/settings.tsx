// Settings of calls: what rings and how, the devices of this browser, keys, and what holds for one's line on every phone.

import { For, Show, createResource, createSignal, onCleanup } from 'solid-js';
import { Button, Choice, Switch } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { t } from '../words-calls.ts';
import { DeviceCheck } from './device-check.tsx';
import { canHear, choose, headset } from './headset.ts';
import { LineSettings } from './line-settings.tsx';
import { DEFAULT, KEY_ACTS, type KeyAct, RING_TONES, isGoodKey, nameOfKey, prefer, preferences } from './preferences.ts';
import { MELODIES, once } from './ring.ts';
import { attempt, telephony } from './telephone.ts';
import './calls.css';

/** See the module. */
export default function CallSettings() {
  return (
    <div class="call-settings">
      <Ringing />
      <Devices />
      <Keys />
      <For each={telephony.lines()}>{one => <LineSettings line={one.line} />}</For>
    </div>
  );
}

function tryTone(): void {
  const { ringTone, ringVolume } = preferences();
  if (ringTone !== 'none') once(MELODIES[ringTone], ringVolume / 100);
}

async function wantNotices(notices: boolean): Promise<void> {
  const allowed = notices && 'Notification' in globalThis ? await Notification.requestPermission() : 'default';
  if (notices && allowed !== 'granted') notify(t('settings.notifyDenied'), 'bad');
  prefer({ notify: notices && allowed === 'granted' });
}

function Ringing() {
  return (
    <section aria-labelledby="ringing-title">
      <h2 id="ringing-title">{t('settings.ringing')}</h2>
      <div class="row">
        <Choice label={t('settings.tone')} value={preferences().ringTone} options={RING_TONES.map(tone => ({ value: tone, text: t(`tone.${tone}`) }))} onChange={ringTone => prefer({ ringTone })} />
        <Button icon="play" onClick={tryTone} disabled={preferences().ringTone === 'none'}>
          {t('settings.try')}
        </Button>
      </div>
      <div class="field">
        <label for="ring-volume">{t('settings.volume')}</label>
        <input id="ring-volume" type="range" min="0" max="100" step="5" value={preferences().ringVolume} onInput={event => prefer({ ringVolume: event.currentTarget.valueAsNumber })} />
      </div>
      <Switch label={t('settings.notify')} hint={t('settings.notifyHint')} on={preferences().notify} onChange={on => void wantNotices(on)} />
    </section>
  );
}

const allDevices = async () => (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];

/** What the browser has; names are told only after it gave one of them. */
export function devices(): () => MediaDeviceInfo[] {
  const [found, { refetch }] = createResource(allDevices, { initialValue: [] });
  const again = () => void refetch();
  navigator.mediaDevices?.addEventListener('devicechange', again);
  onCleanup(() => navigator.mediaDevices?.removeEventListener('devicechange', again));
  return () => found.latest ?? [];
}

function Devices() {
  const found = devices();
  const options = (kind: MediaDeviceKind) => [
    { value: '', text: t('settings.system') },
    ...found()
      .filter(one => one.kind === kind && one.deviceId !== '' && one.deviceId !== 'default' && one.deviceId !== 'communications')
      .map((one, index) => ({ value: one.deviceId, text: one.label || `${index + 1}` })),
  ];
  const one = (label: Parameters<typeof t>[0], kind: MediaDeviceKind, name: 'microphone' | 'speaker' | 'ringSpeaker' | 'camera') => (
    <Choice label={t(label)} value={preferences()[name]} options={options(kind)} onChange={value => prefer({ [name]: value })} />
  );
  return (
    <section aria-labelledby="devices-title">
      <h2 id="devices-title">{t('settings.devices')}</h2>
      <div class="row">
        {one('settings.microphone', 'audioinput', 'microphone')}
        {one('settings.camera', 'videoinput', 'camera')}
      </div>
      <div class="row">
        {one('settings.speaker', 'audiooutput', 'speaker')}
        {one('settings.ringSpeaker', 'audiooutput', 'ringSpeaker')}
      </div>
      <DeviceCheck />
      <div>
        <h3>{t('settings.headset')}</h3>
        <Show when={canHear()} fallback={<p class="soft">{t('settings.headsetCannot')}</p>}>
          <Show when={headset()}>{name => <p>{t('settings.headsetOn', { name: name() })}</p>}</Show>
          <Button onClick={() => void attempt(choose)}>{t('settings.headsetChoose')}</Button>
        </Show>
      </div>
    </section>
  );
}

function Keys() {
  const [asking, setAsking] = createSignal<KeyAct | null>(null);
  const take = (act: KeyAct) => (event: KeyboardEvent) => {
    if (asking() !== act || event.key === 'Tab' || ['Shift', 'Control', 'Alt', 'Meta'].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    setAsking(null);
    const key = nameOfKey(event);
    if (event.key === 'Escape') return;
    const taken = KEY_ACTS.some(other => other !== act && preferences().keys[other] === key);
    if (!isGoodKey(key) || taken) notify(t(taken ? 'key.taken' : 'key.bad', { key }), 'bad');
    else prefer({ keys: { ...preferences().keys, [act]: key } });
  };
  return (
    <section aria-labelledby="keys-title">
      <h2 id="keys-title">{t('settings.keys')}</h2>
      <p class="soft">{t('settings.keysHint')}</p>
      <ul class="list">
        <For each={KEY_ACTS}>
          {act => (
            <li>
              <span id={`key-${act}`}>{t(`key.${act}`)}</span>
              <Button aria-describedby={`key-${act}`} onClick={() => setAsking(act)} onBlur={() => setAsking(null)} on:keydown={take(act)}>
                {asking() === act ? t('key.press') : preferences().keys[act]}
              </Button>
            </li>
          )}
        </For>
      </ul>
      <div>
        <Button kind="quiet" onClick={() => prefer({ keys: DEFAULT.keys })}>
          {t('key.reset')}
        </Button>
      </div>
    </section>
  );
}
