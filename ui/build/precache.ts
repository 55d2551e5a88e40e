// Tells the service worker which files of the build the client needs, so that the page opens without a network from the first visit on.

import type { Plugin } from 'vite';

/** The place in client/sw.ts that becomes the list. */
const PLACE = '__CARILLON_ASSETS__';
const ENTRY = 'client';
const WORKER = 'sw';

type Built = { type: string; name?: string; isEntry?: boolean; imports?: string[]; dynamicImports?: string[]; code?: string; viteMetadata?: { importedCss: Set<string>; importedAssets: Set<string> } };

/** Everything that a file leads to, directly or when it is wanted. */
function reached(bundle: Record<string, Built>, file: string, found: Set<string>): Set<string> {
  const built = bundle[file];
  if (!built || found.has(file)) return found;
  found.add(file);
  for (const one of [...(built.viteMetadata?.importedCss ?? []), ...(built.viteMetadata?.importedAssets ?? [])]) found.add(one);
  for (const next of [...(built.imports ?? []), ...(built.dynamicImports ?? [])]) reached(bundle, next, found);
  return found;
}

export function precache(): Plugin {
  return {
    name: 'carillon-precache',
    enforce: 'post',
    generateBundle(_, output) {
      const bundle = output as unknown as Record<string, Built>;
      const named = (name: string) => Object.keys(bundle).find(file => bundle[file]?.isEntry && bundle[file]?.name === name);
      const [client, worker] = [named(ENTRY), bundle[named(WORKER) ?? '']];
      if (!client || !worker?.code?.includes(PLACE)) throw new Error(`the build has no ${ENTRY}, or ${WORKER} has no ${PLACE}`);
      worker.code = worker.code.replace(PLACE, [...reached(bundle, client, new Set())].sort().map(file => `/${file}`).join(' '));
    },
  };
}
