// QR codes (ISO/IEC 18004): bytes, error correction level M, versions 1 to 20, the mask with the least penalty.

/** Codewords for error correction in a block, and the blocks (count, data codewords each), for level M; by version from 1. */
const BLOCKS: readonly (readonly [number, readonly (readonly [number, number])[]])[] = [
  [10, [[1, 16]]], [16, [[1, 28]]], [26, [[1, 44]]], [18, [[2, 32]]], [24, [[2, 43]]],
  [16, [[4, 27]]], [18, [[4, 31]]], [22, [[2, 38], [2, 39]]], [22, [[3, 36], [2, 37]]], [26, [[4, 43], [1, 44]]],
  [30, [[1, 50], [4, 51]]], [22, [[6, 36], [2, 37]]], [22, [[8, 37], [1, 38]]], [24, [[4, 40], [5, 41]]], [24, [[5, 41], [5, 42]]],
  [28, [[7, 45], [3, 46]]], [28, [[10, 46], [1, 47]]], [26, [[9, 43], [4, 44]]], [26, [[3, 44], [11, 45]]], [26, [[3, 41], [13, 42]]],
];

const EXPONENTS = new Uint8Array(512);
const LOGARITHMS = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power++) {
  EXPONENTS[power] = EXPONENTS[power + 255] = value;
  LOGARITHMS[value] = power;
  value = (value << 1) ^ (value & 0x80 ? 0x11d : 0);
}

const at = (numbers: ArrayLike<number>, index: number): number => numbers[index] ?? 0;
const times = (one: number, other: number): number => (one && other ? at(EXPONENTS, at(LOGARITHMS, one) + at(LOGARITHMS, other)) : 0);

/** The codewords that let errors in these be found and mended (Reed-Solomon over GF(256), polynomial 0x11d). */
export function correction(data: readonly number[], count: number): number[] {
  let generator = [1];
  for (let root = 0; root < count; root++) {
    const next = [...generator, 0];
    for (const [place, factor] of generator.entries()) next[place + 1] = at(next, place + 1) ^ times(factor, at(EXPONENTS, root));
    generator = next;
  }
  const rest = [...data, ...Array.from({ length: count }, () => 0)];
  for (let place = 0; place < data.length; place++) {
    const lead = at(rest, place);
    for (const [offset, factor] of generator.entries()) rest[place + offset] = at(rest, place + offset) ^ times(factor, lead);
  }
  return rest.slice(data.length);
}

/** The text does not fit into the largest code that is made here. */
export class TooLong extends Error {}

function dataOf(bytes: Uint8Array): { version: number; data: number[] } {
  const capacity = (version: number) => (BLOCKS[version - 1]?.[1] ?? []).reduce((sum, [count, size]) => sum + count * size, 0);
  const lengthBits = (version: number) => (version < 10 ? 8 : 16);
  let version = 1;
  while (version <= BLOCKS.length && 4 + lengthBits(version) + bytes.length * 8 > capacity(version) * 8) version++;
  if (version > BLOCKS.length) throw new TooLong();
  const bits: number[] = [];
  const put = (value: number, count: number) => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
  };
  put(0b0100, 4);
  put(bytes.length, lengthBits(version));
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, capacity(version) * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data: number[] = [];
  for (let start = 0; start < bits.length; start += 8) data.push(Number.parseInt(bits.slice(start, start + 8).join(''), 2));
  for (let pad = 0; data.length < capacity(version); pad++) data.push(pad % 2 ? 0x11 : 0xec);
  return { version, data };
}

function interleaved(version: number, data: number[]): number[] {
  const [count, groups] = BLOCKS[version - 1] ?? [0, []];
  const blocks: number[][] = [];
  let start = 0;
  for (const [blockCount, size] of groups) {
    for (let block = 0; block < blockCount; block++, start += size) blocks.push(data.slice(start, start + size));
  }
  const corrections = blocks.map(block => correction(block, count));
  const longest = Math.max(...blocks.map(block => block.length));
  const words: number[] = [];
  for (let place = 0; place < longest; place++) for (const block of blocks) if (place < block.length) words.push(at(block, place));
  for (let place = 0; place < count; place++) for (const block of corrections) words.push(at(block, place));
  return words;
}

/** A code under way: what is dark, and what belongs to patterns that data goes around. */
class Grid {
  readonly dark: Uint8Array;
  readonly fixed: Uint8Array;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
    this.dark = new Uint8Array(size * size);
    this.fixed = new Uint8Array(size * size);
  }

  set(x: number, y: number, dark: boolean | number): void {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.dark[y * this.size + x] = dark ? 1 : 0;
    this.fixed[y * this.size + x] = 1;
  }
}

function alignmentPlaces(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const places = [6];
  for (let place = version * 4 + 10; places.length < count; place -= step) places.splice(1, 0, place);
  return places;
}

function patterns(version: number): Grid {
  const size = version * 4 + 17;
  const grid = new Grid(size);
  for (let along = 0; along < size; along++) {
    grid.set(6, along, along % 2 === 0);
    grid.set(along, 6, along % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) {
    for (let dy = -4; dy <= 4; dy++) for (let dx = -4; dx <= 4; dx++) {
      const distance = Math.max(Math.abs(dx), Math.abs(dy));
      grid.set(x + dx, y + dy, distance !== 2 && distance !== 4);
    }
  }
  const places = alignmentPlaces(version);
  for (const x of places) for (const y of places) {
    const corner = (x === 6 && y === 6) || (x === 6 && y === size - 7) || (x === size - 7 && y === 6);
    if (corner) continue;
    for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) grid.set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }
  if (version >= 7) versionBits(grid, version);
  formatBits(grid, 0);
  return grid;
}

function remainder(value: number, polynomial: number, bits: number): number {
  let rest = value;
  for (let bit = 0; bit < bits; bit++) rest = (rest << 1) ^ ((rest >> (bits - 1)) * polynomial);
  return (value << bits) | rest;
}

function versionBits(grid: Grid, version: number): void {
  const bits = remainder(version, 0x1f25, 12);
  for (let bit = 0; bit < 18; bit++) {
    const [far, near] = [grid.size - 11 + (bit % 3), Math.floor(bit / 3)];
    grid.set(far, near, (bits >> bit) & 1);
    grid.set(near, far, (bits >> bit) & 1);
  }
}

/** The fifteen bits that say the level (M is 0) and the mask. */
export function formatOf(mask: number): number {
  return remainder(mask, 0x537, 10) ^ 0x5412;
}

function formatBits(grid: Grid, mask: number): void {
  const bits = formatOf(mask);
  const bit = (index: number) => (bits >> index) & 1;
  for (let index = 0; index < 6; index++) grid.set(8, index, bit(index));
  grid.set(8, 7, bit(6));
  grid.set(8, 8, bit(7));
  grid.set(7, 8, bit(8));
  for (let index = 9; index < 15; index++) grid.set(14 - index, 8, bit(index));
  for (let index = 0; index < 8; index++) grid.set(grid.size - 1 - index, 8, bit(index));
  for (let index = 8; index < 15; index++) grid.set(8, grid.size - 15 + index, bit(index));
  grid.set(8, grid.size - 8, 1);
}

function placeData(grid: Grid, words: readonly number[]): void {
  let bit = 0;
  for (let right = grid.size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const upward = ((right + 1) & 2) === 0;
    for (let step = 0; step < grid.size; step++) {
      const y = upward ? grid.size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (grid.fixed[y * grid.size + x] || bit >= words.length * 8) continue;
        grid.dark[y * grid.size + x] = (at(words, bit >> 3) >> (7 - (bit & 7))) & 1;
        bit++;
      }
    }
  }
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  x => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function masked(plain: Grid, mask: number): Grid {
  const grid = new Grid(plain.size);
  grid.dark.set(plain.dark);
  for (let y = 0; y < grid.size; y++) for (let x = 0; x < grid.size; x++) {
    const place = y * grid.size + x;
    if (!plain.fixed[place] && MASKS[mask]?.(x, y)) grid.dark[place] = at(grid.dark, place) ^ 1;
  }
  formatBits(grid, mask);
  return grid;
}

/** How hard a code is to read: long runs, squares, what looks like a finder, and much more of one shade. */
function penalty(grid: Grid): number {
  const { size } = grid;
  const dark = (x: number, y: number) => at(grid.dark, y * size + x);
  let sum = 0;
  for (const across of [true, false]) for (let line = 0; line < size; line++) {
    let text = '';
    for (let place = 0; place < size; place++) text += across ? dark(place, line) : dark(line, place);
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
    for (const finder of ['00001011101', '10111010000']) for (let from = text.indexOf(finder); from >= 0; from = text.indexOf(finder, from + 1)) sum += 40;
  }
  let total = 0;
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) {
    total += dark(x, y);
    if (x + 1 < size && y + 1 < size && dark(x, y) === dark(x + 1, y) && dark(x, y) === dark(x, y + 1) && dark(x, y) === dark(x + 1, y + 1)) sum += 3;
  }
  return sum + Math.floor(Math.abs((total * 100) / (size * size) - 50) / 5) * 10;
}

/** The code of a text: rows of dark (true) and light. */
export function encode(text: string): boolean[][] {
  const { version, data } = dataOf(new TextEncoder().encode(text));
  const grid = patterns(version);
  placeData(grid, interleaved(version, data));
  const best = MASKS.map((_, mask) => masked(grid, mask)).reduce((one, other) => (penalty(other) < penalty(one) ? other : one));
  return Array.from({ length: best.size }, (_, y) => Array.from({ length: best.size }, (__, x) => best.dark[y * best.size + x] === 1));
}
