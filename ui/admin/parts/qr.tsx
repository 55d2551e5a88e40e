// A QR code as a picture: dark on white in every theme, since cameras want that.

import { createMemo } from 'solid-js';
import { encode } from './qr.ts';

/** The code of a text; the label says what it is for. */
export function QrCode(props: { text: string; label: string; size?: number }) {
  const drawn = createMemo(() => {
    const rows = encode(props.text);
    let path = '';
    for (const [y, row] of rows.entries()) for (const [x, dark] of row.entries()) if (dark) path += `M${x + 4} ${y + 4}h1v1h-1z`;
    return { path, side: rows.length + 8 };
  });
  return (
    <svg class="qr" role="img" aria-label={props.label} viewBox={`0 0 ${drawn().side} ${drawn().side}`} width={props.size ?? 180} height={props.size ?? 180} shape-rendering="crispEdges">
      <rect width="100%" height="100%" fill="#ffffff" />
      <path d={drawn().path} fill="#000000" />
    </svg>
  );
}
