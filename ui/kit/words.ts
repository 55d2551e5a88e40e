// The texts that every page uses.

import { translator } from './language.ts';

export const words = translator({
  en: {
    close: 'Close',
    cancel: 'Cancel',
    save: 'Save',
    retry: 'Try again',
    loading: 'Loading…',
    'presence.available': 'Available',
    'presence.away': 'Away',
    'presence.busy': 'Busy',
    'presence.dnd': 'Do not disturb',
    'presence.calling': 'On the phone',
    'presence.meeting': 'In a meeting',
    'presence.offline': 'Offline',
    'presence.unknown': 'Not known',
  },
  de: {
    close: 'Schließen',
    cancel: 'Abbrechen',
    save: 'Speichern',
    retry: 'Noch einmal versuchen',
    loading: 'Wird geladen …',
    'presence.available': 'Verfügbar',
    'presence.away': 'Abwesend',
    'presence.busy': 'Beschäftigt',
    'presence.dnd': 'Bitte nicht stören',
    'presence.calling': 'Am Telefon',
    'presence.meeting': 'In einer Besprechung',
    'presence.offline': 'Offline',
    'presence.unknown': 'Nicht bekannt',
  },
});
