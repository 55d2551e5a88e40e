// Addresses of XMPP (RFC 7622), as far as a client must take them apart.

/** `local@domain`, without the resource. */
export function bareOf(address: string): string {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}

/** The resource, or an empty text. */
export function resourceOf(address: string): string {
  const slash = address.indexOf('/');
  return slash < 0 ? '' : address.slice(slash + 1);
}

export function domainOf(address: string): string {
  const bare = bareOf(address);
  return bare.slice(bare.indexOf('@') + 1);
}

/** What stands before the @, or the domain when nothing does. */
export function localOf(address: string): string {
  const bare = bareOf(address);
  const at = bare.indexOf('@');
  return at < 0 ? bare : bare.slice(0, at);
}

const ADDRESS_UNITS_MAX = 2048;
// RFC 7622 §3.3: what may not stand before the @; and no white space anywhere.
const LOCAL = /^[^\s"&'/:<>@]+$/u;
const DOMAIN = /^(\[[0-9a-fA-F:.]+\]|[\p{L}\p{N}]([\p{L}\p{N}.-]*[\p{L}\p{N}])?)$/u;

/** A typed work address in its written form, or null: `Ann@Example.org ` is `ann@example.org`. */
export function workAddress(typed: string): string | null {
  const text = typed.trim().replace(/^(xmpp|mailto|im):/i, '').toLowerCase();
  const [local, domain, ...rest] = text.split('@');
  if (!local || !domain || rest.length > 0 || text.length > ADDRESS_UNITS_MAX) return null;
  return LOCAL.test(local) && DOMAIN.test(domain) ? text : null;
}
