// The console begins.

import { render } from 'solid-js/web';
import '../kit/tokens.css';
import '../kit/base.css';
import { applyLooks } from '../kit/preferences.ts';
import { App } from './shell/app.tsx';

applyLooks();
const place = document.getElementById('page');
if (place) render(() => <App />, place);
