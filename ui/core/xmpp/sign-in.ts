// The way from an open stream to a session: SASL2 with Bind 2 and a token (XEP-0388, XEP-0386, XEP-0484), else RFC 6120.

import { type Element, element } from '../xml.ts';
import { domainOf, localOf } from './address.ts';
import type { Management } from './management.ts';
import { BIND, BIND2, CARBONS, CLIENT, FAST, MANAGEMENT, SASL, SASL2 } from './namespaces.ts';
import { HashedToken, type Mechanism, SaslError, Scram, base64, fromBase64 } from './sasl.ts';
import type { Stream } from './stream.ts';

/** Why nobody is signed in. The page has words for each. */
export type Refusal = 'not-authorized' | 'token' | 'account-disabled' | 'throttled' | 'no-mechanism' | 'impostor' | 'protocol';

export class SignInError extends Error {
  constructor(
    readonly refusal: Refusal,
    text = '',
  ) {
    super(text || refusal);
  }
}

/** A token in place of the password. */
export type Token = { secret: string; expiry: string };
export type Identity = {
  /** The bare address. */
  address: string;
  /** Stays the same for this browser. */
  client: string;
  device: string;
  password?: string | undefined;
  token?: Token | undefined;
};
export type SignedIn = {
  /** The full address; when the session was resumed, that of the old one is still right. */
  address: string | null;
  resumed: boolean;
  /** What a session that could not be resumed had not delivered. */
  lost: Element[];
  token?: Token | undefined;
};

const SOFTWARE = 'Carillon';
const TOKEN_MECHANISM = 'HT-SHA-256-NONE';

/** Signs in on a stream that has just told its features. */
export async function signIn(stream: Stream, features: Element, who: Identity, management: Management): Promise<SignedIn> {
  try {
    const offer = features.child('authentication', SASL2);
    return offer ? await extensible(stream, offer, who, management) : await classic(stream, features, who, management);
  } catch (error) {
    throw error instanceof SaslError ? new SignInError('impostor', error.message) : error;
  }
}

function names(offer: Element | undefined): string[] {
  return offer?.children.filter(child => child.name === 'mechanism').map(child => child.text.trim()) ?? [];
}

function choose(offer: Element, who: Identity): { mechanism: Mechanism; byToken: boolean; tokens: boolean } {
  const tokens = names(offer.child('inline')?.child('fast', FAST)).includes(TOKEN_MECHANISM);
  const user = localOf(who.address);
  if (tokens && who.token) return { mechanism: new HashedToken(user, who.token.secret), byToken: true, tokens };
  if (who.password === undefined) throw new SignInError('token', 'there is no token, or the server takes none');
  return { mechanism: scram(offer, user, who.password), byToken: false, tokens };
}

function scram(offer: Element | undefined, user: string, password: string): Scram {
  const mechanism = new Scram(user, password);
  // A password is shown to no server: PLAIN and the weaker SHA-1 are not spoken.
  if (!names(offer).includes(mechanism.name)) throw new SignInError('no-mechanism', names(offer).join(', '));
  return mechanism;
}

async function extensible(stream: Stream, offer: Element, who: Identity, management: Management): Promise<SignedIn> {
  const { mechanism, byToken, tokens } = choose(offer, who);
  const inline = offer.child('inline');
  const binds = inline?.child('bind', BIND2) !== undefined;
  stream.send(
    element(
      'authenticate',
      SASL2,
      { mechanism: mechanism.name },
      element('initial-response', SASL2, {}, base64(await mechanism.first())),
      element('user-agent', SASL2, { id: who.client }, element('software', SASL2, {}, SOFTWARE), element('device', SASL2, {}, who.device)),
      inline?.child('sm', MANAGEMENT) && management.resume(),
      binds && bindRequest(),
      byToken && element('fast', FAST),
      tokens && !byToken && element('request-token', FAST, { mechanism: TOKEN_MECHANISM }),
    ),
  );
  for (;;) {
    const answer = await stream.next();
    if (answer.is('challenge', SASL2)) {
      stream.send(element('response', SASL2, {}, base64(await mechanism.answer(fromBase64(answer.text)))));
    } else if (answer.is('success', SASL2)) {
      await mechanism.finish(fromBase64(answer.textOf('additional-data') ?? ''));
      return await begun(stream, answer, who, management, binds);
    } else if (answer.is('failure', SASL2)) throw refused(answer, byToken);
    else throw new SignInError('protocol', `<${answer.name}/> instead of an answer`);
  }
}

function bindRequest(): Element {
  return element('bind', BIND2, {}, element('tag', BIND2, {}, SOFTWARE), element('enable', CARBONS), element('enable', MANAGEMENT, { resume: 'true' }));
}

async function begun(stream: Stream, success: Element, who: Identity, management: Management, binds: boolean): Promise<SignedIn> {
  const given = success.child('token', FAST);
  const secret = given?.attribute('token');
  const token = secret === undefined ? who.token : { secret, expiry: given?.attribute('expiry') ?? '' };
  const resumed = success.child('resumed', MANAGEMENT);
  // The stream's features follow (XEP-0388 §2.6), unless the session is resumed.
  if (resumed) return { address: null, resumed: true, lost: repeat(stream, resumed, management), token };
  const address = success.textOf('authorization-identifier') ?? who.address;
  if (!binds) return { ...(await bindAfterwards(stream, await stream.next(), management)), token };
  const enabled = success.child('bound', BIND2)?.child('enabled', MANAGEMENT);
  return { address, resumed: false, lost: management.begin(enabled?.attribute('id') ?? null), token };
}

function repeat(stream: Stream, resumed: Element, management: Management): Element[] {
  const again = management.resumed(resumed.attribute('h'));
  if (!again) throw new SignInError('protocol', 'the server counts what was never sent');
  for (const stanza of again) stream.send(stanza);
  return [];
}

function refused(failure: Element, byToken: boolean): SignInError {
  const condition = failure.children.find(child => child.namespace === SASL && child.name !== 'text')?.name;
  const text = failure.children.find(child => child.name === 'text')?.text ?? '';
  if (condition === 'temporary-auth-failure') return new SignInError('throttled', text);
  if (byToken) return new SignInError('token', text);
  if (condition === 'account-disabled' || condition === 'credentials-expired') return new SignInError('account-disabled', text);
  return new SignInError('not-authorized', text);
}

/** RFC 6120 §6 and §7, for servers that know nothing else. */
async function classic(stream: Stream, features: Element, who: Identity, management: Management): Promise<SignedIn> {
  if (who.password === undefined) throw new SignInError('token', 'the server takes no tokens');
  const mechanism = scram(features.child('mechanisms', SASL), localOf(who.address), who.password);
  stream.send(element('auth', SASL, { mechanism: mechanism.name }, base64(await mechanism.first())));
  for (let verified = false; ; ) {
    const answer = await stream.next();
    if (answer.is('challenge', SASL)) {
      const data = fromBase64(answer.text);
      // RFC 5802 §5: the server's last word may come as a challenge.
      verified = new TextDecoder().decode(data).startsWith('v=');
      if (verified) await mechanism.finish(data);
      stream.send(element('response', SASL, {}, verified ? '' : base64(await mechanism.answer(data))));
    } else if (answer.is('success', SASL)) {
      if (!verified) await mechanism.finish(fromBase64(answer.text));
      return bindAfterwards(stream, await stream.open(), management);
    } else if (answer.is('failure', SASL)) throw refused(answer, false);
    else throw new SignInError('protocol', `<${answer.name}/> instead of an answer`);
  }
}

async function bindAfterwards(stream: Stream, features: Element, management: Management): Promise<SignedIn> {
  const managed = features.child('sm', MANAGEMENT) !== undefined;
  const resume = managed ? management.resume() : undefined;
  if (resume) {
    stream.send(resume);
    const answer = await stream.next();
    if (answer.is('resumed', MANAGEMENT)) return { address: null, resumed: true, lost: repeat(stream, answer, management) };
  }
  stream.send(element('iq', CLIENT, { type: 'set', id: 'bind' }, element('bind', BIND)));
  const bound = await stream.next();
  const address = bound.child('bind', BIND)?.textOf('jid');
  if (!address || domainOf(address) === '') throw new SignInError('protocol', 'no resource was bound');
  let id: string | null = null;
  if (managed) {
    stream.send(element('enable', MANAGEMENT, { resume: 'true' }));
    id = (await stream.next()).attribute('id') ?? null;
  }
  const lost = management.begin(id);
  stream.send(element('iq', CLIENT, { type: 'set', id: 'carbons' }, element('enable', CARBONS)));
  if (managed) management.sent(element('iq', CLIENT));
  return { address, resumed: false, lost };
}
