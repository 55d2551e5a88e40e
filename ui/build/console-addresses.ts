// Serves the console's page for each of its addresses while the pages are developed, as the server does.

import type { Plugin } from 'vite';

/** Every address under /admin/ that is no file is the console. */
export function consoleAddresses(): Plugin {
  return {
    name: 'carillon-console-addresses',
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const path = request.url?.split('?')[0] ?? '';
        if (path.startsWith('/admin') && request.headers.accept?.includes('text/html')) request.url = '/admin/index.html';
        next();
      });
    },
  };
}
