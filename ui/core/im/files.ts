// Files (XEP-0363): a place is asked for, the bytes go there by HTTP with progress, and can be stopped.

import { element } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { DISCO_INFO, FORMS, UPLOAD } from '../xmpp/namespaces.ts';
import type { SharedFile } from './message.ts';

export type UploadService = { jid: string; sizeMax: number | undefined };
/** Why a file cannot be sent. */
export class FileError extends Error {
  constructor(
    readonly why: 'too-large' | 'refused' | 'broken' | 'stopped' | 'no-service',
    text = '',
  ) {
    super(text || why);
  }
}

/** What a service says of itself. */
export async function uploadService(client: Client, jid: string): Promise<UploadService | null> {
  const answer = (await client.iq('get', jid, element('query', DISCO_INFO))).child('query', DISCO_INFO);
  if (!answer?.childrenOf('feature').some(one => one.attribute('var') === UPLOAD)) return null;
  const form = answer.childrenOf('x', FORMS).find(one => one.children.some(field => field.textOf('value') === UPLOAD));
  const size = Number(form?.children.find(one => one.attribute('var') === 'max-file-size')?.textOf('value'));
  return { jid, sizeMax: size > 0 ? size : undefined };
}

/** Where bytes go, and how far they are; the browser's XMLHttpRequest, because fetch tells no progress. */
export type Put = (url: string, headers: Record<string, string>, body: Blob, progress: (share: number) => void, stop: AbortSignal) => Promise<void>;

const HEADERS = new Set(['authorization', 'cookie', 'expires']);

export async function upload(client: Client, service: UploadService | null, file: File, put: Put, progress: (share: number) => void, stop: AbortSignal): Promise<SharedFile> {
  if (!service) throw new FileError('no-service');
  if (service.sizeMax !== undefined && file.size > service.sizeMax) throw new FileError('too-large', String(service.sizeMax));
  const name = file.name || 'file';
  const answer = await client.iq('get', service.jid, element('request', UPLOAD, { filename: name, size: file.size, 'content-type': file.type || undefined })).catch((error: unknown) => {
    throw new FileError('refused', error instanceof Error ? error.message : '');
  });
  const slot = answer.child('slot', UPLOAD);
  const [to, from] = [slot?.child('put')?.attribute('url'), slot?.child('get')?.attribute('url')];
  if (!to || !from) throw new FileError('refused');
  // XEP-0363 §5: no others, and no line breaks in them.
  const headers = slot?.child('put')?.childrenOf('header').map(one => [one.attribute('name') ?? '', one.text.replace(/[\r\n]/g, '')] as const) ?? [];
  await put(to, Object.fromEntries(headers.filter(([key]) => HEADERS.has(key.toLowerCase()))), file, progress, stop);
  return { url: from, name, size: file.size, type: file.type || undefined };
}
