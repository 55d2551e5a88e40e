// What the server offers: its services by disco (XEP-0030), people by its directory (XEP-0055).

import { element } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { DISCO_INFO, DISCO_ITEMS, FORMS, FULL_TEXT, MUC, SEARCH, UPLOAD } from '../xmpp/namespaces.ts';
import { PUSH_SERVICE } from './push.ts';
import { type UploadService, uploadService } from './files.ts';

export type Services = { rooms?: string | undefined; upload: UploadService | null; people?: string | undefined; push?: string | undefined; fullText: boolean };
export type FoundPerson = { jid: string; name: string };

const ITEMS_MAX = 20;

/** Asks the server and each of its services what they are. */
export async function findServices(client: Client): Promise<Services> {
  const services: Services = { upload: null, fullText: false };
  const list = await client.iq('get', client.domain, element('query', DISCO_ITEMS));
  const items = (list.child('query', DISCO_ITEMS)?.childrenOf('item') ?? []).filter(item => !item.attribute('node')).slice(0, ITEMS_MAX);
  const jids = [client.domain, ...items.map(item => item.attribute('jid') ?? '')];
  const archive = await client.iq('get', client.bare, element('query', DISCO_INFO)).catch(() => null);
  services.fullText = archive?.child('query', DISCO_INFO)?.childrenOf('feature').some(one => one.attribute('var') === FULL_TEXT) ?? false;
  await Promise.all(
    jids.map(async jid => {
      const info = (await client.iq('get', jid, element('query', DISCO_INFO)).catch(() => null))?.child('query', DISCO_INFO);
      const features = new Set(info?.childrenOf('feature').map(one => one.attribute('var')));
      if (features.has(UPLOAD)) services.upload = await uploadService(client, jid).catch(() => null);
      if (features.has(PUSH_SERVICE)) services.push ??= jid;
      if (features.has(SEARCH)) services.people ??= jid;
      const conference = info?.childrenOf('identity').some(one => one.attribute('category') === 'conference' && one.attribute('type') === 'text');
      if (features.has(MUC) && conference && !jid.includes('@')) services.rooms ??= jid;
    }),
  );
  return services;
}

/** People of this server in whose names a word begins like that, or whose addresses hold it. */
export async function findPeople(client: Client, service: string, words: string): Promise<FoundPerson[]> {
  const found = await Promise.all(['first', 'nick'].map(field => ask(client, service, field, words).catch(() => [])));
  return [...new Map(found.flat().map(one => [one.jid, one])).values()];
}

const field = (key: string, value: string) => element('field', FORMS, { var: key }, element('value', FORMS, {}, value));

async function ask(client: Client, service: string, name: string, words: string): Promise<FoundPerson[]> {
  const form = element('x', FORMS, { type: 'submit' }, field('FORM_TYPE', SEARCH), field(name, words));
  const answer = await client.iq('set', service, element('query', SEARCH, {}, form));
  const items = answer.child('query', SEARCH)?.child('x', FORMS)?.childrenOf('item') ?? [];
  return items.flatMap(item => {
    const values = Object.fromEntries(item.childrenOf('field').map(one => [one.attribute('var') ?? '', one.textOf('value') ?? '']));
    const full = [values['first'], values['last']].filter(Boolean).join(' ');
    return values['jid'] ? [{ jid: values['jid'], name: full || values['nick'] || values['jid'] }] : [];
  });
}
