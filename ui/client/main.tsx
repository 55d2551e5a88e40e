// The client begins: one tab at a time holds the session.

import { createSignal } from 'solid-js';
import { render } from 'solid-js/web';
import '../kit/tokens.css';
import '../kit/base.css';
import '../kit/controls.css';
import { begin, client } from '../core/session.ts';
import { language } from '../kit/language.ts';
import { applyLooks } from '../kit/preferences.ts';
import { App } from './app.tsx';
import { beginNotices } from './notices.ts';
import { registerWorker } from './worker.ts';

const LOCK = 'carillon-session';
const [elsewhere, setElsewhere] = createSignal(false);

/** Holds the session until another tab takes it; two tabs would be one client at the server and push each other out. */
function hold(steal: boolean): void {
  void navigator.locks
    .request(LOCK, steal ? { steal } : { ifAvailable: true }, async lock => {
      setElsewhere(!lock);
      if (!lock) return;
      await begin();
      await new Promise(() => {});
    })
    .catch(() => {
      client.disconnect();
      setElsewhere(true);
    });
}

applyLooks();
beginNotices();
document.documentElement.lang = language();
const place = document.getElementById('page');
if (place) render(() => <App elsewhere={elsewhere} takeOver={() => hold(true)} />, place);
hold(false);
registerWorker();
