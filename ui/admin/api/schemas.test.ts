// The generator of types, and that the types in the repository are those of the document.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// @ts-expect-error a script without types
import { fileOf, nameOf, typeOf } from '../../build/openapi-types.mjs';

const type = typeOf as (schema: unknown) => string;

test('plain kinds, nullable kinds and lists', () => {
  expect(type({ type: 'integer' })).toBe('number');
  expect(type({ type: ['string', 'null'] })).toBe('string | null');
  expect(type({ type: 'array', items: { type: ['string', 'null'] } })).toBe('(string | null)[]');
  expect(type({ enum: ['a', 'b'] })).toBe('"a" | "b"');
  expect(type({ oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Page_User' }] })).toBe('null | PageUser');
});

test('objects say which fields may be missing', () => {
  expect(type({ type: 'object', required: ['a'], properties: { a: { type: 'string' }, 'b-c': { type: 'boolean', description: 'What.' } } })).toBe('{\n  a: string;\n  /** What. */\n  "b-c"?: boolean;\n}');
  expect(type({ type: 'object', additionalProperties: { type: 'number' } })).toBe('Record<string, number>');
  expect(type({})).toBe('unknown');
});

test('names of schemas become names of types', () => {
  expect((nameOf as (name: string) => string)('Page_UserShown')).toBe('PageUserShown');
});

test('the types are those of docs/openapi.json: `npm run types` writes them anew', () => {
  const document: unknown = JSON.parse(readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'));
  expect(readFileSync(new URL('schemas.ts', import.meta.url), 'utf8')).toBe((fileOf as (document: unknown) => string)(document));
});
