// Personal eventing (XEP-0163): reading and publishing the items of a node of one's own, or of somebody.

import { type Element, element } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { FORMS, PUBLISH_OPTIONS, PUBSUB } from '../xmpp/namespaces.ts';

export async function itemsOf(client: Client, whose: string | undefined, node: string, id?: string): Promise<Element[]> {
  const items = element('items', PUBSUB, { node }, id === undefined ? null : element('item', PUBSUB, { id }));
  const answer = await client.iq('get', whose, element('pubsub', PUBSUB, {}, items));
  return answer.child('pubsub', PUBSUB)?.child('items')?.childrenOf('item') ?? [];
}

/** Publishes an item; `options` are what the node must be like (XEP-0060 §7.1.5). */
export async function publish(client: Client, node: string, id: string, payload: Element, options: Record<string, string> = {}): Promise<void> {
  const fields = Object.entries(options).map(([name, value]) => element('field', FORMS, { var: `pubsub#${name}` }, element('value', FORMS, {}, value)));
  const form = element('x', FORMS, { type: 'submit' }, element('field', FORMS, { var: 'FORM_TYPE', type: 'hidden' }, element('value', FORMS, {}, PUBLISH_OPTIONS)), ...fields);
  await client.iq('set', undefined, element('pubsub', PUBSUB, {}, element('publish', PUBSUB, { node }, element('item', PUBSUB, { id }, payload)), fields.length > 0 && element('publish-options', PUBSUB, {}, form)));
}

export async function retractItem(client: Client, node: string, id: string): Promise<void> {
  await client.iq('set', undefined, element('pubsub', PUBSUB, {}, element('retract', PUBSUB, { node, notify: 'true' }, element('item', PUBSUB, { id }))));
}
