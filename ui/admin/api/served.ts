// Which nouns of the interface the server has: a page for one that it has not is not offered.

import { BASE } from './client.ts';
import { PATHS } from './schemas.ts';

/** Does the server have this noun, such as `users` or `session/totp`? */
export function isServed(noun: string): boolean {
  const path = `${BASE}/${noun}`;
  return PATHS.some(known => known === path || known.startsWith(`${path}/`));
}
