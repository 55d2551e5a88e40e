// Writes ui/admin/api/schemas.ts from docs/openapi.json: one type for each schema. `node build/openapi-types.mjs [--check]`

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DOCUMENT = new URL('../../docs/openapi.json', import.meta.url);
const TYPES = new URL('../admin/api/schemas.ts', import.meta.url);
const HEAD = '// Generated from docs/openapi.json by build/openapi-types.mjs: not to be changed by hand.\n';
const WORDS = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' };

const comment = (text, indent) => (text ? `${indent}/** ${text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ').trim()} */\n` : '');
const key = name => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
const either = types => [...new Set(types)].join(' | ') || 'unknown';

/** The name of a type for the name of a schema. */
export const nameOf = schema => schema.replaceAll(/[^A-Za-z0-9]+(.)?/g, (_, next) => (next ?? '').toUpperCase());

/** A schema as a type. */
export function typeOf(schema, indent = '') {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return 'unknown';
  if (schema.$ref) return nameOf(schema.$ref.split('/').at(-1));
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return either(schema.enum.map(value => JSON.stringify(value)));
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return either(choices.map(choice => typeOf(choice, indent)));
  if (schema.allOf) return schema.allOf.map(part => typeOf(part, indent)).join(' & ');
  const kinds = Array.isArray(schema.type) ? schema.type : [schema.type];
  return either(kinds.map(kind => kindOf(kind, schema, indent)));
}

function kindOf(kind, schema, indent) {
  if (kind === 'array') {
    const item = typeOf(schema.items, indent);
    return /[|&]/.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
  }
  if (kind === 'object' || (kind === undefined && schema.properties)) return objectOf(schema, indent);
  return WORDS[kind] ?? 'unknown';
}

function objectOf(schema, indent) {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) {
    const values = schema.additionalProperties;
    return values === false ? 'Record<string, never>' : `Record<string, ${values === undefined || values === true ? 'unknown' : typeOf(values, indent)}>`;
  }
  const inner = `${indent}  `;
  const fields = properties.map(([name, property]) => {
    const optional = (schema.required ?? []).includes(name) ? '' : '?';
    return `${comment(property.description, inner)}${inner}${key(name)}${optional}: ${typeOf(property, inner)};\n`;
  });
  return `{\n${fields.join('')}${indent}}`;
}

/** The whole file for a document. */
export function fileOf(document) {
  const schemas = Object.entries(document.components?.schemas ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  const paths = Object.keys(document.paths ?? {}).sort().map(path => `  ${JSON.stringify(path)},\n`);
  const list = `\n/** The paths that the server has. */\nexport const PATHS: readonly string[] = [\n${paths.join('')}];\n`;
  return HEAD + list + schemas.map(([name, schema]) => `\n${comment(schema.description, '')}export type ${nameOf(name)} = ${typeOf(schema)};\n`).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = fileOf(JSON.parse(readFileSync(DOCUMENT, 'utf8')));
  if (!process.argv.includes('--check')) writeFileSync(TYPES, wanted);
  else if (readFileSync(TYPES, 'utf8') !== wanted) {
    console.error('ui/admin/api/schemas.ts differs from docs/openapi.json: run `npm run types`');
    process.exit(1);
  }
}
