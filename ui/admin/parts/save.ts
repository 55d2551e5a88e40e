// Gives the person a file that the page has made.

/** Saves a file under a name. */
export function saveFile(name: string, content: Blob | string, type = 'text/plain'): void {
  const blob = typeof content === 'string' ? new Blob([content], { type: `${type};charset=utf-8` }) : content;
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), SAVED_MILLISECONDS);
}

/** How long a browser may take to begin with saving. */
const SAVED_MILLISECONDS = 60_000;
