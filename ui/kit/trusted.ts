// The one policy of Trusted Types: markup is what the compiler wrote (build/trusted-templates.ts), a script of its own is the service worker.

/** Where the service worker is. */
export const WORKER = '/sw.js';

type Rules = { createHTML(markup: string): string; createScriptURL(address: string): string };

const rules: Rules = {
  createHTML: markup => markup,
  createScriptURL: address => {
    if (address !== WORKER) throw new TypeError(`no script of ours: ${address}`);
    return address;
  },
};
const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: Rules): Rules } }).trustedTypes;

/** Makes values that the browser takes where the policy of the page forbids strings. */
export const trusted: Rules = factory?.createPolicy('carillon', rules) ?? rules;
