// Proving who we are: SCRAM-SHA-256 (RFC 7677) by a password, HT-SHA-256-NONE by a token (XEP-0484), both by WebCrypto.

/** One exchange that proves who we are. */
export interface Mechanism {
  readonly name: string;
  /** The initial response. */
  first(): Promise<Uint8Array>;
  /** The answer to a challenge. */
  answer(challenge: Uint8Array): Promise<Uint8Array>;
  /** Checks that the server, too, knows the secret. */
  finish(additional: Uint8Array): Promise<void>;
}

/** The server broke the rules of a mechanism, or is not the one that it says. */
export class SaslError extends Error {}

const ITERATIONS_MIN = 4096;
/** A server that asks for more would only keep this machine busy. */
const ITERATIONS_MAX = 2_000_000;
const NONCE_BYTES = 18;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text.trim()), character => character.charCodeAt(0));
  } catch {
    throw new SaslError('what the server sent is not base64');
  }
}

async function hmac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', key.slice(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data.slice()));
}

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data.slice()));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}

/** SASLprep (RFC 4013) as far as typed passwords need it: other spaces are spaces, invisible characters go, NFKC. */
export function prepared(password: string): string {
  return password
    .replace(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu, ' ')
    .replace(/\u034f|[\u180b-\u180d]|[\ufe00-\ufe0f]|\u200d|[\u00ad\u1806\u200b\u200c\u2060\ufeff]/gu, '')
    .normalize('NFKC');
}

/** SCRAM-SHA-256 without channel binding: browsers tell no page of their TLS channel. */
export class Scram implements Mechanism {
  readonly name = 'SCRAM-SHA-256';
  private readonly bare: string;
  private expected: Uint8Array | null = null;

  constructor(
    user: string,
    private readonly password: string,
    private readonly nonce: string = base64(crypto.getRandomValues(new Uint8Array(NONCE_BYTES))),
  ) {
    // RFC 5802 §5.1.
    this.bare = `n=${user.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${nonce}`;
  }

  async first(): Promise<Uint8Array> {
    return encoder.encode(`n,,${this.bare}`);
  }

  async answer(challenge: Uint8Array): Promise<Uint8Array> {
    const text = decoder.decode(challenge);
    const fields = fieldsOf(text);
    const [nonce, salt, iterations] = [fields['r'] ?? '', fields['s'] ?? '', Number(fields['i'])];
    if (fields['m'] !== undefined) throw new SaslError('the server demands an extension of SCRAM');
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length) throw new SaslError('the nonce is not ours');
    if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) throw new SaslError(`${fields['i']} iterations are out of range`);
    const salted = await derive(prepared(this.password), fromBase64(salt), iterations);
    const clientKey = await hmac(salted, encoder.encode('Client Key'));
    const end = `c=biws,r=${nonce}`;
    const signed = encoder.encode(`${this.bare},${text},${end}`);
    const signature = await hmac(await sha256(clientKey), signed);
    this.expected = await hmac(await hmac(salted, encoder.encode('Server Key')), signed);
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
    return encoder.encode(`${end},p=${base64(proof)}`);
  }

  async finish(additional: Uint8Array): Promise<void> {
    const verifier = fieldsOf(decoder.decode(additional))['v'] ?? '';
    if (!this.expected || !same(fromBase64(verifier), this.expected)) throw new SaslError('the server does not know the password');
  }
}

function fieldsOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map(field => [field.slice(0, 1), field.slice(2)]));
}

async function derive(password: string, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', encoder.encode(password), 'PBKDF2', false, ['deriveBits']);
  const bits = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: salt.slice(), iterations }, key, 256);
  return new Uint8Array(bits);
}

/** HT-SHA-256-NONE (draft-schmaus-kitten-sasl-ht): one message proves the token. */
export class HashedToken implements Mechanism {
  readonly name = 'HT-SHA-256-NONE';

  constructor(
    private readonly user: string,
    private readonly token: string,
  ) {}

  async first(): Promise<Uint8Array> {
    const proof = await hmac(encoder.encode(this.token), encoder.encode('Initiator'));
    return new Uint8Array([...encoder.encode(this.user), 0, ...proof]);
  }

  async answer(): Promise<Uint8Array> {
    throw new SaslError('a token has no challenge');
  }

  async finish(additional: Uint8Array): Promise<void> {
    const expected = await hmac(encoder.encode(this.token), encoder.encode('Responder'));
    if (!same(additional, expected)) throw new SaslError('the server does not know the token');
  }
}
