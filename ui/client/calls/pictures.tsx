// The pictures of a call: the other side large, oneself small.

import { Show, createEffect, createSignal } from 'solid-js';
import { nameOf } from '../../core/phone/call.ts';
import { t } from '../words-calls.ts';
import { live, streams, telephony } from './telephone.ts';

const call = () => live().find(one => one.state === 'talking' && (one.pictures.theirs || one.pictures.mine || one.pictures.screen));

/** Shown while a call has any. */
export function Pictures() {
  const mine = () => {
    const one = call();
    return one && (one.pictures.mine || one.pictures.screen) ? telephony.phone.picture(one.id) : null;
  };
  return (
    <Show when={call()}>
      {one => (
        <div class="call-pictures">
          <Show when={one().pictures.theirs && streams().get(one().id)}>{stream => <Picture class="theirs" stream={stream()} label={nameOf(one().peer)} />}</Show>
          <Show when={mine()}>{stream => <Picture class={one().pictures.screen ? 'screen' : 'mine'} stream={stream()} label={t(one().pictures.screen ? 'screen' : 'video')} />}</Show>
        </div>
      )}
    </Show>
  );
}

function Picture(props: { stream: MediaStream; label: string; class: string }) {
  const [element, setElement] = createSignal<HTMLVideoElement>();
  createEffect(() => {
    const video = element();
    if (!video) return;
    video.srcObject = new MediaStream(props.stream.getVideoTracks());
    void video.play().catch(() => undefined);
  });
  return <video ref={setElement} class={props.class} aria-label={props.label} autoplay playsinline muted />;
}
