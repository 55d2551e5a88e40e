// The service worker.

void 0;
