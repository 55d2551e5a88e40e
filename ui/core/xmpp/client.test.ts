import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Element, element, parse } from '../xml.ts';
import { Client, type ClientState, StanzaError } from './client.ts';
import { CLIENT } from './namespaces.ts';
import type { Socket } from './stream.ts';
import type { Token } from './sign-in.ts';

const FEATURES =
  "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256</mechanism>" +
  "<inline><bind xmlns='urn:xmpp:bind:0'/><sm xmlns='urn:xmpp:sm:3'/><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication></stream:features>";
const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' version='1.0'/>";

/** A server that takes the token `right`, on a socket in memory. */
class Server {
  sockets: Socket[] = [];
  heard: Element[] = [];
  away = false;
  resumable = true;
  handled = 0;

  open = (): Socket => {
    const socket: Socket = { onOpen: () => {}, onText: () => {}, onClose: () => {}, close: () => {}, send: text => void this.hear(socket, parse(text)) };
    this.sockets.push(socket);
    queueMicrotask(() => (this.away ? socket.onClose('') : socket.onOpen()));
    return socket;
  };

  say(text: string): void {
    this.sockets.at(-1)?.onText(text);
  }

  private async hear(socket: Socket, read: Element): Promise<void> {
    this.heard.push(read);
    if (read.name === 'open') for (const text of [OPEN, FEATURES]) socket.onText(text);
    if (read.name === 'message') this.handled += 1;
    if (read.name !== 'authenticate') return;
    const initial = read.textOf('initial-response') ?? '';
    if (atob(initial) !== `ann\0${await sign('right', 'Initiator')}`) {
      return socket.onText("<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>");
    }
    const data = `<additional-data>${btoa(await sign('right', 'Responder'))}</additional-data><authorization-identifier>ann@example.org/Carillon</authorization-identifier>`;
    const resume = this.resumable && read.child('resume', 'urn:xmpp:sm:3');
    const inner = resume ? `<resumed xmlns='urn:xmpp:sm:3' previd='s' h='${this.handled}'/>` : "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/></bound>";
    socket.onText(`<success xmlns='urn:xmpp:sasl:2'>${data}${inner}</success>`);
  }
}

async function sign(token: string, word: string): Promise<string> {
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey('raw', bytes.encode(token), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return String.fromCharCode(...new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes.encode(word))));
}

const who = (secret: string) => ({ address: 'ann@example.org', client: 'c', device: 'd', token: { secret, expiry: '' } });
const until = (right: () => boolean) => vi.waitFor(() => expect(right()).toBe(true));
const message = (id: string) => element('message', CLIENT, { to: 'bob@example.org', id });

describe('client', () => {
  let server: Server;
  let client: Client;
  let states: ClientState[];
  let tokens: (Token | undefined)[];

  beforeEach(() => {
    server = new Server();
    [states, tokens] = [[], []];
    client = new Client({ open: server.open, keepToken: token => tokens.push(token), random: () => 0 });
    client.on('state', state => states.push(state));
  });
  afterEach(() => client.disconnect());

  it('signs in by a token and asks', async () => {
    await client.connect('ws://x', who('right'));
    expect(states.map(state => state.is)).toEqual(['connecting', 'online']);
    expect(client.full).toBe('ann@example.org/Carillon');
    const asked = client.iq('get', 'example.org', element('ping', 'urn:xmpp:ping'));
    const id = server.heard.at(-1)?.attribute('id');
    server.say(`<iq xmlns='jabber:client' type='result' id='${id}' from='evil.example.net'/>`);
    server.say(`<iq xmlns='jabber:client' type='result' id='${id}' from='example.org'><x xmlns='urn:x'/></iq>`);
    expect((await asked).children[0]?.name).toBe('x');
  });

  it('says why a request was refused, and refuses what it does not know', async () => {
    await client.connect('ws://x', who('right'));
    const asked = client.iq('get', undefined, element('x', 'urn:x'));
    const id = server.heard.at(-1)?.attribute('id');
    server.say(`<iq xmlns='jabber:client' type='error' id='${id}'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
    await expect(asked).rejects.toMatchObject({ condition: 'forbidden', type: 'auth' } satisfies Partial<StanzaError>);
    server.say("<iq xmlns='jabber:client' type='get' id='q' from='bob@example.org/x'><y xmlns='urn:y'/></iq>");
    expect(server.heard.at(-1)?.attribute('type')).toBe('error');
  });

  it('gives a token up that is refused', async () => {
    await expect(client.connect('ws://x', who('wrong'))).rejects.toMatchObject({ refusal: 'token' });
    expect(client.state.is).toBe('refused');
    expect(tokens).toEqual([undefined]);
  });

  it('resumes after a loss and repeats what was not acknowledged', async () => {
    await client.connect('ws://x', who('right'));
    const acknowledged: string[] = [];
    client.send(message('1'), () => acknowledged.push('1'));
    server.handled = 0;
    let resumed: boolean | undefined;
    client.on('online', how => (resumed = how.resumed));
    server.sockets.at(-1)?.onClose('');
    expect(client.state.is).toBe('waiting');
    expect(client.send(message('2'))).toBe(false);
    client.nudge();
    await until(() => resumed === true);
    expect(server.heard.at(-1)?.attribute('id')).toBe('1');
    server.say("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    expect(acknowledged).toEqual(['1']);
  });

  it('hands back what a lost session had not delivered, and fails its requests', async () => {
    await client.connect('ws://x', who('right'));
    const asked = client.iq('get', undefined, element('x', 'urn:x'));
    client.send(message('1'));
    server.resumable = false;
    let lost: Element[] = [];
    client.on('online', how => (lost = how.lost));
    server.sockets.at(-1)?.onClose('');
    client.nudge();
    await expect(asked).rejects.toThrow('session-lost');
    expect(lost.map(stanza => stanza.name)).toEqual(['iq', 'message']);
  });

  it('waits longer after each failure', async () => {
    await client.connect('ws://x', who('right'));
    vi.useFakeTimers();
    try {
      server.away = true;
      server.sockets.at(-1)?.onClose('');
      await vi.advanceTimersByTimeAsync(20_000);
      const waits = states.filter(state => state.is === 'waiting').length;
      expect(waits).toBeGreaterThan(3);
      expect(waits).toBeLessThan(7);
    } finally {
      vi.useRealTimers();
    }
  });
});
