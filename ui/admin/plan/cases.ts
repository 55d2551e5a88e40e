// Cases as CSV: read, added to, written, in the columns that the server knows.

/** A call whose outcome is known. */
export type Case = Record<(typeof COLUMNS)[number], string>;

/** The columns. */
export const COLUMNS = ['name', 'from', 'device', 'dial', 'at', 'authorization', 'matter', 'overlap', 'goes_to', 'called', 'calling', 'around', 'allows'] as const;

/** Cases as CSV (RFC 4180). */
export function toText(cases: readonly Partial<Case>[]): string {
  const field = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return [COLUMNS.join(','), ...cases.map(one => COLUMNS.map(column => field(one[column] ?? '')).join(','))].join('\n') + '\n';
}

/** A case for what a test has shown. */
export function caseOf(name: string, asked: Record<string, string>, found: { goes_to: string; called: string; calling: string }): Partial<Case> {
  return {
    name,
    from: asked['from'] ?? '',
    device: asked['device'] ?? '',
    dial: asked['dial'] ?? '',
    at: asked['at'] ?? '',
    overlap: asked['overlap'] ? 'yes' : '',
    around: asked['around'] ? 'yes' : '',
    goes_to: found.goes_to,
    called: found.called,
    calling: found.calling,
  };
}
