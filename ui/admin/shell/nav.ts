// The pages of the console: where each is, and which right it needs.

import { type Component, lazy } from 'solid-js';
import type { IconName } from '../../kit/icons.tsx';
import { isServed } from '../api/served.ts';
import type { Right } from '../rights.ts';
import type { say } from '../words/shell.ts';

type Word = Parameters<typeof say>[0];

/** A page: its pattern of addresses, and what shows it. */
export type Entry = {
  key: Word;
  /** The address of the page itself. */
  to: string;
  /** Further addresses that it shows, as patterns. */
  also?: readonly string[];
  icon: IconName;
  right: Right | '';
  page: Component;
  /** What it asks the server for. */
  noun: string;
};

/** A part of the menu. */
export type Part = { key: Word; entries: readonly Entry[] };

const page = (key: Word, to: string, icon: IconName, right: Right | '', load: () => Promise<{ default: Component }>, also: readonly string[] = [], noun = to): Entry => ({
  key,
  to: `/admin/${to}`,
  icon,
  right,
  page: lazy(load),
  also: also.map(pattern => `/admin/${pattern}`),
  noun,
});

const PARTS: readonly Part[] = [
  {
    key: 'nav.overview',
    entries: [
      page('dashboard', '', 'dashboard', 'status:read', () => import('../pages/dashboard.tsx'), [], 'status'),
      page('setup', 'setup', 'check', 'users:write', () => import('../pages/setup.tsx'), ['setup/:step'], 'users'),
    ],
  },
  {
    key: 'nav.people',
    entries: [
      page('users', 'users', 'people', 'users:read', () => import('../pages/users.tsx'), ['users/:jid', 'users/:jid/:tab']),
      page('groups', 'groups', 'group', 'groups:read', () => import('../pages/groups.tsx')),
      page('invitations', 'invitations', 'send', 'invitations:read', () => import('../pages/invitations.tsx')),
      page('sessions', 'sessions', 'chat', 'sessions:read', () => import('../pages/sessions.tsx')),
      page('presence', 'presence', 'clock', 'presence:read', () => import('../pages/presence.tsx')),
      page('announcements', 'announcements', 'bell', 'announcements:write', () => import('../pages/announcements.tsx')),
    ],
  },
  {
    key: 'nav.telephony',
    entries: [
      page('lines', 'lines', 'number', 'lines:read', () => import('../pages/lines.tsx'), ['lines/:line']),
      page('devices', 'devices', 'device', 'devices:read', () => import('../pages/devices.tsx'), ['devices/:name']),
      page('dialplan', 'dialplan', 'plan', 'dialplan:read', () => import('../pages/dialplan.tsx'), ['dialplan/:tab']),
      page('trunks', 'trunks', 'trunk', 'trunks:read', () => import('../pages/trunks.tsx'), ['trunks/:name']),
      page('calls', 'calls', 'phone', 'calls:read', () => import('../pages/calls.tsx'), ['calls/:id']),
      page('queues', 'queues', 'people', 'queues:read', () => import('../pages/queues.tsx')),
      page('sounds', 'sounds', 'play', 'sounds:read', () => import('../pages/sounds.tsx')),
    ],
  },
  {
    key: 'nav.messaging',
    entries: [
      page('rooms', 'rooms', 'group', 'rooms:read', () => import('../pages/rooms.tsx')),
      page('federation', 'federation', 'globe', 'federation:read', () => import('../pages/federation.tsx')),
    ],
  },
  {
    key: 'nav.system',
    entries: [
      page('parameters', 'parameters', 'settings', 'parameters:read', () => import('../pages/parameters.tsx')),
      page('certificates', 'certificates', 'certificate', 'certificates:read', () => import('../pages/certificates.tsx')),
      page('administrators', 'administrators', 'shield', 'administrators:read', () => import('../pages/administrators.tsx')),
      page('tokens', 'tokens', 'lock', 'administrators:read', () => import('../pages/tokens.tsx')),
      page('audit', 'audit', 'log', 'audit:read', () => import('../pages/audit.tsx')),
      page('logs', 'logs', 'edit', 'log:read', () => import('../pages/logs.tsx'), [], 'log-levels'),
      page('backup', 'backup', 'download', 'backup:write', () => import('../pages/backup.tsx')),
      page('own', 'own', 'people', '', () => import('../pages/own.tsx'), [], 'session'),
    ],
  },
];

/** The menu: what the server has. */
export const MENU: readonly Part[] = PARTS.map(part => ({ ...part, entries: part.entries.filter(entry => isServed(entry.noun)) })).filter(part => part.entries.length > 0);

/** All pages. */
export const ENTRIES: readonly Entry[] = MENU.flatMap(part => part.entries);
