// A stream over WebSocket (RFC 7395): one element per frame, pulled while signing in, pushed afterwards.

import { type Element, XmlError, element, parse } from '../xml.ts';
import { FRAMING, STREAMS, STREAM_ERRORS } from './namespaces.ts';

/** What of a WebSocket is needed; a test gives another. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onOpen: () => void;
  onText: (text: string) => void;
  onClose: (reason: string) => void;
}

/** The stream has ended; `condition` is the server's word for it (RFC 6120 §4.9.3), or our own. */
export class StreamEnd extends Error {
  constructor(
    readonly condition: string,
    readonly text = '',
  ) {
    super(text ? `${condition}: ${text}` : condition);
  }
}

/** A browser's WebSocket. */
export function webSocket(address: string): Socket {
  const own = new WebSocket(address, 'xmpp');
  const socket: Socket = {
    send: text => own.send(text),
    close: () => own.close(),
    onOpen: () => {},
    onText: () => {},
    onClose: () => {},
  };
  own.addEventListener('open', () => (own.protocol === 'xmpp' ? socket.onOpen() : own.close()));
  own.addEventListener('message', event => (typeof event.data === 'string' ? socket.onText(event.data) : own.close()));
  own.addEventListener('close', event => socket.onClose(event.reason));
  return socket;
}

type Waiter = { take: (element: Element) => void; fail: (error: StreamEnd) => void };

export class Stream {
  private readonly queue: Element[] = [];
  private waiter: Waiter | null = null;
  private listener: ((element: Element) => void) | null = null;
  private ended: ((end: StreamEnd) => void) | null = null;
  private end: StreamEnd | null = null;

  constructor(
    private readonly socket: Socket,
    private readonly domain: string,
  ) {
    socket.onText = text => this.arrived(text);
    socket.onClose = () => this.finish(new StreamEnd('connection-lost'));
  }

  /** Opens the stream, and opens it again after SASL of RFC 6120; gives its features. */
  async open(connected: Promise<void> = Promise.resolve()): Promise<Element> {
    await Promise.race([connected, this.broken()]);
    this.waiter = null;
    this.send(element('open', FRAMING, { to: this.domain, version: '1.0' }));
    const opened = await this.next();
    if (!opened.is('open', FRAMING)) throw this.fail('bad-format', `<${opened.name}/> is no opening`);
    const features = await this.next();
    if (!features.is('features', STREAMS)) throw this.fail('bad-format', `<${features.name}/> are no features`);
    return features;
  }

  send(stanza: Element): void {
    if (!this.end) this.socket.send(String(stanza));
  }

  /** The next element, while nobody listens. */
  next(): Promise<Element> {
    const queued = this.queue.shift();
    if (queued) return Promise.resolve(queued);
    if (this.end) return Promise.reject(this.end);
    return new Promise((take, fail) => (this.waiter = { take, fail }));
  }

  /** From now on every element goes to `listener`; `ended` is told once. */
  listen(listener: (element: Element) => void, ended: (end: StreamEnd) => void): void {
    this.listener = listener;
    this.ended = ended;
    for (const queued of this.queue.splice(0)) listener(queued);
    if (this.end) ended(this.end);
  }

  /** Ends the stream in order. */
  close(): void {
    this.send(element('close', FRAMING));
    this.finish(new StreamEnd('closed'));
  }

  /** Gives the connection up at once: nobody answers, and a session that can be resumed stays. */
  drop(condition: string): void {
    this.finish(new StreamEnd(condition));
  }

  private broken(): Promise<never> {
    return new Promise((_, fail) => {
      if (this.end) fail(this.end);
      else this.waiter = { take: () => {}, fail };
    });
  }

  private arrived(text: string): void {
    if (this.end) return;
    let read: Element;
    try {
      read = parse(text);
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      this.fail('not-well-formed', error.message);
      return;
    }
    if (read.is('close', FRAMING)) this.finish(new StreamEnd('closed-by-server'));
    else if (read.is('error', STREAMS)) this.finish(streamError(read));
    else if (this.listener) this.listener(read);
    else if (this.waiter) {
      const { take } = this.waiter;
      this.waiter = null;
      take(read);
    } else this.queue.push(read);
  }

  private fail(condition: string, text: string): StreamEnd {
    const end = new StreamEnd(condition, text);
    this.finish(end);
    return end;
  }

  private finish(end: StreamEnd): void {
    if (this.end) return;
    this.end = end;
    this.socket.onClose = () => {};
    this.socket.close();
    this.waiter?.fail(end);
    this.waiter = null;
    this.ended?.(end);
  }
}

function streamError(error: Element): StreamEnd {
  const condition = error.children.find(child => child.namespace === STREAM_ERRORS && child.name !== 'text');
  return new StreamEnd(condition?.name ?? 'undefined-condition', error.textOf('text', STREAM_ERRORS) ?? '');
}
