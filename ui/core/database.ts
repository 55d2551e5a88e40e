// IndexedDB as promises: the few things that the cache needs of it.

/** Opens a database, making or widening it as told. */
export function openDatabase(name: string, version: number, upgrade: (database: IDBDatabase, from: number, change: IDBTransaction) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.addEventListener('upgradeneeded', event => upgrade(request.result, event.oldVersion, request.transaction as IDBTransaction));
    request.addEventListener('success', () => {
      // Another tab wants to widen it: it must not wait for this one.
      request.result.addEventListener('versionchange', () => request.result.close());
      resolve(request.result);
    });
    request.addEventListener('error', () => reject(request.error ?? new Error('the database cannot be opened')));
    request.addEventListener('blocked', () => reject(new Error('another tab holds the database')));
  });
}

/** A request's result. */
export function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('the database failed')));
  });
}

/** When all of a change is written. */
export function done(change: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(change.error ?? new Error('the database failed'));
    change.addEventListener('complete', () => resolve());
    change.addEventListener('error', fail);
    change.addEventListener('abort', fail);
  });
}

/** Up to `limit` values of a range, from its beginning or its end. */
export function page<T>(source: IDBObjectStore | IDBIndex, range: IDBKeyRange | null, limit: number, direction: IDBCursorDirection = 'next'): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const found: T[] = [];
    const request = source.openCursor(range, direction);
    request.addEventListener('error', () => reject(request.error ?? new Error('the database failed')));
    request.addEventListener('success', () => {
      const cursor = request.result;
      if (!cursor || found.length >= limit) {
        resolve(found);
        return;
      }
      found.push(cursor.value as T);
      if (found.length >= limit) resolve(found);
      else cursor.continue();
    });
  });
}
