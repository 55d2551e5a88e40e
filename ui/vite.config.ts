// How the pages are built: two of them, the client at / and the console at /admin/, and the service worker at /sw.js.

import { resolve } from 'node:path';
import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';
import { consoleAddresses } from './build/console-addresses.ts';
import { precache } from './build/precache.ts';
import { trustedTemplates } from './build/trusted-templates.ts';

const SERVER = process.env['CARILLON_HTTP'] ?? 'http://localhost:8080';

/** What the server lets the pages do (crates/web/src/browser.rs); `vite preview` is as strict. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; " +
  "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types carillon";

export default defineConfig({
  base: '/',
  plugins: [trustedTemplates(), consoleAddresses(), solid(), precache()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: {
        client: resolve(import.meta.dirname, 'index.html'),
        admin: resolve(import.meta.dirname, 'admin/index.html'),
        sw: resolve(import.meta.dirname, 'client/sw.ts'),
      },
      output: { entryFileNames: chunk => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/upload', '/.well-known', '/healthz', '/ws', '/cti', '/sip'].map(path => [path, { target: SERVER, ws: true }]),
    ),
  },
  preview: { headers: { 'Content-Security-Policy': POLICY } },
  test: { environment: 'node', include: ['{core,kit,client,admin}/**/*.test.ts'] },
} as import('vite').UserConfig);
