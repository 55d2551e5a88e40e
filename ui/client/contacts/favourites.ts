// Favourites: a group of the roster, so that every client has them.

import type { Contact } from '../../core/im/people.ts';
import { im } from '../im.ts';

export const FAVOURITES = 'Favourites';

export const isFavourite = (contact: Contact): boolean => contact.groups.includes(FAVOURITES);

export function setFavourite(contact: Contact, on: boolean): Promise<void> {
  const groups = contact.groups.filter(group => group !== FAVOURITES);
  return im().people.save(contact.jid, contact.name, on ? [...groups, FAVOURITES] : groups);
}
