import { describe, expect, it } from 'vitest';
import { Element, XmlError, element, escape, parse } from './xml.ts';

describe('parse', () => {
  it('knows namespaces by prefix and by default', () => {
    const read = parse(`<stream:features xmlns:stream='urn:s'><a xmlns="urn:a" x='1 &amp; 2'><b/>t&#xe4;xt<c xmlns='urn:c'/></a></stream:features>`);
    expect([read.name, read.namespace]).toEqual(['features', 'urn:s']);
    const a = read.child('a', 'urn:a');
    expect(a?.attribute('x')).toBe('1 & 2');
    expect(a?.child('b')?.namespace).toBe('urn:a');
    expect(a?.text).toBe('täxt');
    expect(a?.child('c')).toBeUndefined();
    expect(a?.child('c', 'urn:c')).toBeInstanceOf(Element);
  });

  it.each([
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '<a b=1/>',
    "<a b='1' b='2'/>",
    "<a b='<'/>",
    '<a>&nbsp;</a>',
    '<a>&#0;</a>',
    '<a>&amp</a>',
    '<!DOCTYPE a><a/>',
    '<?xml version="1.0"?><a/>',
    '<a><!-- c --></a>',
    '<p:a/>',
    "<a b='1'c='2'/>",
    '',
  ])('refuses %s', text => expect(() => parse(text)).toThrow(XmlError));

  it('refuses what nests without end', () => {
    expect(() => parse('<a>'.repeat(100) + '</a>'.repeat(100))).toThrow('nest');
  });

  it('has no inherited attributes', () => {
    expect(parse('<a/>').attribute('constructor')).toBeUndefined();
  });

  it('reads a message of ten megabytes within a second', () => {
    const body = 'x'.repeat(10_000_000);
    const begun = performance.now();
    expect(parse(`<message xmlns='jabber:client'><body>${body}</body></message>`).textOf('body')?.length).toBe(body.length);
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});

describe('element', () => {
  it('is written as it is read', () => {
    const made = element('iq', 'jabber:client', { type: 'get', id: undefined, n: 3 }, element('q', 'urn:q', {}, `<&"'>`), false, 'x');
    expect(String(made)).toBe(`<iq xmlns="jabber:client" type="get" n="3"><q xmlns="urn:q">&lt;&amp;&quot;&apos;&gt;</q>x</iq>`);
    expect(parse(String(made))).toEqual(made);
  });

  it('writes no character that XML forbids', () => {
    expect(escape('a\u0000b\u000bc\ud800d\u{1f600}')).toBe('a\ufffdb\ufffdc\ufffdd\u{1f600}');
  });
});
