// Files on their way from this page: progress, stopping, trying again.

import { createStore, produce } from 'solid-js/store';
import { FileError, type Put, upload } from '../../core/im/files.ts';
import { im } from '../im.ts';
import { reach } from '../reach.ts';

export type Upload = { id: number; chat: string; file: File; share: number; problem: FileError | null; stop: AbortController };

const [uploads, setUploads] = createStore<{ all: Upload[] }>({ all: [] });
let next = 0;

/** What is on its way to a conversation, or failed. */
export const uploadsTo = (chat: string): Upload[] => uploads.all.filter(one => one.chat === chat);

const put: Put = (url, headers, body, progress, stop) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', reach(url));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', event => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener('load', () => (request.status < 300 ? resolve() : reject(new FileError('refused', `HTTP ${request.status}`))));
    request.addEventListener('error', () => reject(new FileError('broken')));
    request.addEventListener('abort', () => reject(new FileError('stopped')));
    stop.addEventListener('abort', () => request.abort());
    request.send(body);
  });

function change(id: number, how: (upload: Upload) => void): void {
  setUploads(
    produce(state => {
      const found = state.all.find(one => one.id === id);
      if (found) how(found);
    }),
  );
}

/** Uploads a file and sends it as a message. */
export async function sendFile(chat: string, file: File): Promise<void> {
  const id = next++;
  const stop = new AbortController();
  setUploads('all', all => [...all, { id, chat, file, share: 0, problem: null, stop }]);
  try {
    const shared = await upload(im().client, im().services().upload, file, put, share => change(id, one => (one.share = share)), stop.signal);
    const size = await sizeOf(file);
    dismissUpload(id);
    await im().outbox.send(chat, { body: shared.url, file: { ...shared, ...size } });
  } catch (error) {
    change(id, one => (one.problem = error instanceof FileError ? error : new FileError('broken')));
  }
}

export function dismissUpload(id: number): void {
  setUploads('all', all => all.filter(one => one.id !== id));
}

/** The measures of a picture, so that nothing jumps when it comes. */
async function sizeOf(file: File): Promise<{ width?: number; height?: number }> {
  if (!file.type.startsWith('image/')) return {};
  const bitmap = await createImageBitmap(file).catch(() => null);
  const size = bitmap ? { width: bitmap.width, height: bitmap.height } : {};
  bitmap?.close();
  return size;
}
