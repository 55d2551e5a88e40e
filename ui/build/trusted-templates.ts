// Lets Solid's templates pass Trusted Types: the only strings that become markup are those that the compiler wrote.

import { resolve } from 'node:path';
import type { Plugin } from 'vite';

const POLICY = `import { trusted as carillonTemplates } from ${JSON.stringify(resolve(import.meta.dirname, '../kit/trusted.ts'))};\n`;
const SINK = 't.innerHTML = html;';

/** Replaces the one place where Solid makes markup of a string; every other one stays forbidden. */
export function trustedTemplates(): Plugin {
  return {
    name: 'carillon-trusted-templates',
    enforce: 'pre',
    transform(code, id) {
      if (!/solid-js\/web\/dist\/(web|dev)\.js/.test(id)) return null;
      if (!code.includes(SINK)) throw new Error(`solid-js no longer says "${SINK}": look at its template function`);
      return { code: POLICY + code.replace(SINK, 't.innerHTML = carillonTemplates.createHTML(html);'), map: null };
    },
  };
}
