// XML as XMPP allows it (RFC 6120 §11): elements, text, the five entities; read and written without a DOM, within limits.

/** The largest document that is read, in UTF-16 units; a server's stanzas are far below it. */
const DOCUMENT_UNITS_MAX = 12 * 1024 * 1024;
/** How deep elements may nest. */
const DEPTH_MAX = 64;
/** How many attributes an element may have. */
const ATTRIBUTES_MAX = 64;

export type Node = Element | string;
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** What is not well-formed, or not allowed in XMPP. */
export class XmlError extends Error {}

/** An element: its name, its namespace, what it says. */
export class Element {
  constructor(
    readonly name: string,
    readonly namespace: string,
    readonly attributes: Readonly<Record<string, string>>,
    readonly nodes: readonly Node[],
  ) {}

  attribute(name: string): string | undefined {
    return Object.hasOwn(this.attributes, name) ? this.attributes[name] : undefined;
  }

  /** The elements directly below. */
  get children(): Element[] {
    return this.nodes.filter(node => typeof node !== 'string');
  }

  is(name: string, namespace: string): boolean {
    return this.name === name && this.namespace === namespace;
  }

  /** The first child of that name; without a namespace, of the same one as this element. */
  child(name: string, namespace = this.namespace): Element | undefined {
    return this.nodes.find((node): node is Element => typeof node !== 'string' && node.is(name, namespace));
  }

  childrenOf(name: string, namespace = this.namespace): Element[] {
    return this.children.filter(child => child.is(name, namespace));
  }

  /** The text directly within. */
  get text(): string {
    return this.nodes.filter(node => typeof node === 'string').join('');
  }

  /** The text of a child, if it is there. */
  textOf(name: string, namespace = this.namespace): string | undefined {
    return this.child(name, namespace)?.text;
  }

  toString(inherited = ''): string {
    const parts = [`<${this.name}`];
    if (this.namespace !== inherited) parts.push(` xmlns="${escape(this.namespace)}"`);
    for (const [name, value] of Object.entries(this.attributes)) parts.push(` ${name}="${escape(value)}"`);
    if (this.nodes.length === 0) return `${parts.join('')}/>`;
    parts.push('>');
    for (const node of this.nodes) parts.push(typeof node === 'string' ? escape(node) : node.toString(this.namespace));
    parts.push(`</${this.name}>`);
    return parts.join('');
  }
}

/** Makes an element; attributes and children that are undefined are left out. */
export function element(
  name: string,
  namespace: string,
  attributes: Attributes = {},
  ...nodes: (Node | undefined | false | null)[]
): Element {
  const given: Record<string, string> = {};
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) given[key] = String(value);
  return new Element(name, namespace, given, nodes.filter(node => node !== undefined && node !== false && node !== null));
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
// What no XML 1.0 document may hold: a person's keyboard may well send it, and the server would end the stream.
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text as it stands in a document; characters that XML forbids become U+FFFD. */
export function escape(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, character => ESCAPES[character] ?? character);
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescape(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;]{0,10});?/g, (whole, name: string) => {
    if (!whole.endsWith(';')) throw new XmlError('an entity has no end');
    const known = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
    if (known !== undefined) return known;
    const number = /^#x([0-9a-fA-F]+)$/.exec(name)?.[1] ?? null;
    const code = number === null ? Number(/^#([0-9]+)$/.exec(name)?.[1] ?? NaN) : Number.parseInt(number, 16);
    if (!isCharacter(code)) throw new XmlError(`&${name}; is not an entity of XMPP`);
    return String.fromCodePoint(code);
  });
}

function isCharacter(code: number): boolean {
  return code === 9 || code === 10 || code === 13 || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

const NAME = /[A-Za-z_\u00c0-\uffff][\w.\u00b7-\uffff-]*(?::[A-Za-z_\u00c0-\uffff][\w.\u00b7-\uffff-]*)?/y;
const SPACE = /[ \t\r\n]*/y;

type Scope = Readonly<Record<string, string>>;
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';

/** Reads one element and nothing beside it. Comments, processing instructions, doctypes and CDATA with markup are refused. */
export function parse(text: string): Element {
  if (text.length > DOCUMENT_UNITS_MAX) throw new XmlError('the document is too large');
  const reader = new Reader(text);
  reader.skipSpace();
  const root = reader.element({ xml: XML_NAMESPACE }, 0);
  reader.skipSpace();
  if (!reader.atEnd) throw new XmlError('something follows the element');
  return root;
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  skipSpace(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  element(outer: Scope, depth: number): Element {
    if (depth > DEPTH_MAX) throw new XmlError('the elements nest too deep');
    this.expect('<');
    const name = this.name();
    const { scope, attributes } = this.attributes(outer);
    const [prefix, local] = split(name);
    const namespace = scope[prefix];
    if (namespace === undefined && prefix) throw new XmlError(`the prefix ${prefix} is not declared`);
    const own: Record<string, string> = {};
    for (const [key, value] of attributes) {
      if (Object.hasOwn(own, key)) throw new XmlError(`${key} is given twice`);
      own[key] = value;
    }
    if (this.take('/>')) return new Element(local, namespace ?? '', own, []);
    this.expect('>');
    const nodes = this.content(scope, depth);
    if (this.name() !== name) throw new XmlError(`${name} is not closed`);
    this.skipSpace();
    this.expect('>');
    return new Element(local, namespace ?? '', own, nodes);
  }

  /** Up to the closing tag, which is begun. */
  private content(scope: Scope, depth: number): Node[] {
    const nodes: Node[] = [];
    let text = '';
    const settle = () => {
      if (text) nodes.push(text);
      text = '';
    };
    for (;;) {
      const next = this.text.indexOf('<', this.at);
      if (next < 0) throw new XmlError('an element is not closed');
      text += unescape(this.text.slice(this.at, next));
      this.at = next;
      if (this.take('</')) {
        settle();
        return nodes;
      }
      if (this.take('<![CDATA[')) text += this.until(']]>');
      else {
        settle();
        nodes.push(this.element(scope, depth + 1));
      }
    }
  }

  private attributes(outer: Scope): { scope: Scope; attributes: [string, string][] } {
    const declared: Record<string, string> = {};
    const attributes: [string, string][] = [];
    for (;;) {
      const before = this.at;
      this.skipSpace();
      if (this.text[this.at] === '>' || this.text.startsWith('/>', this.at)) return { scope: Object.keys(declared).length > 0 ? { ...outer, ...declared } : outer, attributes };
      if (before === this.at) throw new XmlError('an attribute is out of place');
      const name = this.name();
      this.skipSpace();
      this.expect('=');
      this.skipSpace();
      const value = this.value();
      const [prefix, local] = split(name);
      if (name === 'xmlns') declared[''] = value;
      else if (prefix === 'xmlns') declared[local] = value;
      else attributes.push([name, value]);
      if (attributes.length > ATTRIBUTES_MAX) throw new XmlError('an element has too many attributes');
    }
  }

  private value(): string {
    const quote = this.text[this.at];
    if (quote !== '"' && quote !== "'") throw new XmlError('an attribute has no quotes');
    this.at += 1;
    const value = this.until(quote);
    if (value.includes('<')) throw new XmlError('an attribute holds markup');
    return unescape(value);
  }

  private until(end: string): string {
    const to = this.text.indexOf(end, this.at);
    if (to < 0) throw new XmlError(`${end} is missing`);
    const text = this.text.slice(this.at, to);
    this.at = to + end.length;
    return text;
  }

  private name(): string {
    NAME.lastIndex = this.at;
    const found = NAME.exec(this.text);
    if (!found) throw new XmlError('a name is missing');
    this.at = NAME.lastIndex;
    return found[0];
  }

  private take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private expect(text: string): void {
    if (!this.take(text)) throw new XmlError(`${text} is missing`);
  }
}

function split(name: string): [prefix: string, local: string] {
  const colon = name.indexOf(':');
  return colon < 0 ? ['', name] : [name.slice(0, colon), name.slice(colon + 1)];
}
