// The dial plan as a document: on which line something stands, and what is in it by kind.

import { parse } from 'smol-toml';

const HEAD = /^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?/;

/** A table of the document: its name, and its lines. */
type Block = { name: string; start: number; lines: string[] };

function blocksOf(document: string): Block[] {
  const blocks: Block[] = [{ name: '', start: 0, lines: [] }];
  for (const [index, line] of document.split('\n').entries()) {
    const head = HEAD.exec(line);
    if (head) blocks.push({ name: head[2] ?? '', start: index, lines: [line] });
    else blocks.at(-1)?.lines.push(line);
  }
  return blocks;
}

const NAMES = ['name', 'pattern', 'number', 'domain'];

const says = (block: Block, key: string, value: string): boolean => block.lines.some(line => new RegExp(`^\\s*${key}\\s*=`).test(line) && line.includes(`"${value}"`));
const speaksOf = (block: Block, key: string): number => block.lines.findIndex(line => new RegExp(`^\\s*${key}\\s*=`).test(line));

/** The line, from 1, that a finding is about: `route 0! in internal`, `reception.queue orders`, `settings.search_space`. */
export function lineOf(document: string, path: string): number | null {
  const blocks = blocksOf(document);
  const [kind = '', ...rest] = path.split(' ');
  const [name = '', partition] = rest.join(' ').split(' in ');
  const same = blocks.filter(block => block.name === kind || block.name.endsWith(`.${kind}`));
  if (name) {
    const named = same.filter(block => NAMES.some(key => says(block, key, name)));
    const exact = partition ? named.find(block => says(block, 'partition', partition) || (partition === 'internal' && speaksOf(block, 'partition') < 0)) : undefined;
    const found = exact ?? named[0];
    return found ? found.start + 1 : null;
  }
  if (same[0]) return same[0].start + 1;
  const dot = kind.lastIndexOf('.');
  const table = blocks.find(block => block.name === kind.slice(0, dot));
  if (dot < 0 || !table) return null;
  return table.start + 1 + Math.max(0, speaksOf(table, kind.slice(dot + 1)));
}

/** The line that a parser complains of. */
export function lineIn(message: string): number | null {
  const line = /\bat line (\d+)/.exec(message)?.[1];
  return line ? Number(line) : null;
}

/** Something that can be dialled. */
export type Pattern = { kind: string; pattern: string; partition: string; does: string; line: number | null };
/** Partitions in the order in which they are looked through. */
export type Space = { name: string; partitions: string[] };
/** A hunt group. */
export type Hunt = { number: string; algorithm: string; members: string[]; last: string };
/** What a plan has. */
export type Parts = { patterns: Pattern[]; spaces: Space[]; partitions: { name: string; patterns: number; spaces: string[] }[]; hunts: Hunt[] };

type Table = Record<string, unknown>;

const tables = (value: unknown): Table[] => (Array.isArray(value) ? (value as unknown[]).filter((entry): entry is Table => typeof entry === 'object' && entry !== null) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? (value as unknown[]).map(text) : []);

function target(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([kind, name]) => `${kind} ${text(name)}`)
    .join(', ');
}

const KINDS: readonly [table: string, kind: string, does: (entry: Table) => string][] = [
  ['line', 'line', () => ''],
  ['translation', 'translation', entry => target(entry['called']) || (text(entry['search_space']) && `→ ${text(entry['search_space'])}`)],
  ['route', 'route', entry => target(entry['to'])],
  ['hunt_pilot', 'hunt pilot', entry => texts(entry['members']).join(', ')],
  ['feature_code', 'feature code', entry => target(entry['does'])],
];

/** What a plan has; throws what the parser says when it is no document. */
export function partsOf(document: string): Parts {
  const plan = (document.trimStart().startsWith('{') ? JSON.parse(document) : parse(document)) as Table;
  const reception = (plan['reception'] ?? {}) as Table;
  const patterns: Pattern[] = [];
  const add = (kind: string, entry: Table, does: string) => {
    const [pattern = '', at] = text(entry['pattern'] ?? entry['number']).split('@');
    if (!pattern) return;
    const partition = at ?? (text(entry['partition']) || 'internal');
    patterns.push({ kind, pattern, partition, does, line: lineOf(document, `${kind.replace(' ', '_')} ${text(entry['pattern'] ?? entry['number'])} in ${partition}`) });
  };
  for (const [table, kind, does] of KINDS) for (const entry of tables(plan[table])) add(kind, entry, does(entry));
  for (const kind of ['attendant', 'queue']) for (const entry of tables(reception[kind])) add(kind, entry, text(entry['name']));
  const spaces = tables(plan['search_space']).map(space => ({ name: text(space['name']), partitions: texts(space['partitions']) }));
  const names = new Set(['internal', ...patterns.map(entry => entry.partition), ...tables(plan['partition']).map(entry => text(entry['name'])), ...spaces.flatMap(space => space.partitions)]);
  const partitions = [...names].filter(Boolean).map(name => ({
    name,
    patterns: patterns.filter(entry => entry.partition === name).length,
    spaces: spaces.filter(space => space.partitions.includes(name)).map(space => space.name),
  }));
  const hunts = tables(plan['hunt_pilot']).map(entry => ({ number: text(entry['number']), algorithm: text(entry['algorithm']), members: texts(entry['members']), last: target(entry['last']) }));
  return { patterns, spaces, partitions, hunts };
}
