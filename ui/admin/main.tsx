// The console begins.

import { render } from 'solid-js/web';
import '../kit/tokens.css';
import '../kit/base.css';
import { Button } from '../kit/controls.tsx';

const place = document.getElementById('page');
if (place) render(() => <Button kind="main">Carillon</Button>, place);
