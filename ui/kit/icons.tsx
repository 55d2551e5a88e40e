// The pictures of buttons: one path each on a 24 by 24 grid, drawn with the colour of the text.

const PATHS = {
  chat: 'M4 5h16v11H9l-5 4z',
  phone: 'M6 3h4l1.5 5-2.5 2a12 12 0 0 0 5 5l2-2.5 5 1.5v4c0 1.1-.9 2-2 2A17 17 0 0 1 4 5c0-1.1.9-2 2-2z',
  hangup: 'M3 14c6-5 12-5 18 0l-2 4-5-2v-3a12 12 0 0 0-4 0v3l-5 2z',
  people: 'M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 9c0-4 3-6 7-6s7 2 7 6zM16 4a4 4 0 0 1 0 7m2 3c2.6.6 4 2.6 4 6',
  settings: 'M4 7h9m6 0h1M4 17h1m6 0h9M16 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zm5-1.5L21 21',
  send: 'M3 11 21 3l-7 18-3-7z',
  attach: 'M8 12.5 14.5 6a3.5 3.5 0 0 1 5 5L11 19.5a5 5 0 0 1-7-7L12.5 4',
  smile: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 10h.01M15.5 10h.01M8 14.5c2 2.5 6 2.5 8 0',
  more: 'M5 11.4a.6.6 0 1 0 0 1.2.6.6 0 0 0 0-1.2zm7 0a.6.6 0 1 0 0 1.2.6.6 0 0 0 0-1.2zm7 0a.6.6 0 1 0 0 1.2.6.6 0 0 0 0-1.2z',
  close: 'M5 5l14 14M19 5 5 19',
  back: 'M15 4l-8 8 8 8',
  down: 'M5 9l7 7 7-7',
  check: 'M4 12.5 9.5 18 20 6',
  checks: 'M2 12.5 7 18 16 6m-4.5 11 1 1L22 6',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2',
  warning: 'M12 3 22 20H2zM12 10v4m0 3h.01',
  lock: 'M6 11h12v9H6zm2 0V8a4 4 0 0 1 8 0v3',
  mute: 'M4 4l16 16M9 9v3a3 3 0 0 0 4.5 2.6M15 11V6a3 3 0 0 0-5.8-1M5.5 11a6.5 6.5 0 0 0 10.5 5.2M18.5 11a6.5 6.5 0 0 1-.5 2.5M12 18v3',
  microphone: 'M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  video: 'M3 6h12v12H3zm12 4 6-3v10l-6-3',
  screen: 'M3 4h18v12H3zm6 16h6m-3-4v4',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4l13 8-13 8z',
  transfer: 'M4 8h13l-4-4m7 12H7l4 4',
  keypad: 'M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01',
  park: 'M7 20V4h6a5 5 0 0 1 0 10H7',
  join: 'M5 4l7 8v8m7-16-7 8',
  add: 'M12 5v14M5 12h14',
  edit: 'M4 20l1-5L16 4l4 4L9 19z',
  reply: 'M10 5 3 11l7 6v-4c5 0 8 1.5 11 5-1-6-5-9-11-9z',
  trash: 'M5 7h14M10 7V4h4v3m-8 0 1 13h10l1-13',
  copy: 'M8 8h12v12H8zM4 16V4h12',
  star: 'm12 3 2.8 6 6.7.8-5 4.5 1.4 6.5L12 17.5 6.1 20.8l1.4-6.5-5-4.5 6.7-.8z',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6l2 2H4zm4 4h4',
  download: 'M12 3v12m-5-5 5 5 5-5M4 20h16',
  dashboard: 'M4 4h7v9H4zm9 0h7v5h-7zm0 7h7v9h-7zm-9 4h7v5H4z',
  device: 'M5 3h14v18H5zm3 3h8v6H8zm0 9h.01M12 15h.01M16 15h.01M8 18h.01M12 18h.01M16 18h.01',
  number: 'M9 4 7 20M17 4l-2 16M4 9h17M3 15h17',
  plan: 'M5 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4zm14 12a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM7 6h8a3.5 3.5 0 0 1 0 7H9a3.5 3.5 0 0 0 0 7h8',
  trunk: 'M3 12h6m6 0h6M9 8h6v8H9z',
  group: 'M8 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm8 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 19c0-4 2.5-6 6-6s6 2 6 6zm14-6c3.5 0 6 2 6 6',
  globe: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c5 5 5 13 0 18-5-5-5-13 0-18z',
  certificate: 'M4 4h16v11H4zm3 4h10M7 11h6m2 4v6l2-1.5 2 1.5v-6',
  log: 'M5 3h14v18H5zm3 5h8m-8 4h8m-8 4h5',
  shield: 'M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z',
  signout: 'M14 4H5v16h9m-4-8h11m-4-4 4 4-4 4',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a label, or in a button that has a label for those who cannot see it. */
export function Icon(props: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg
      class="icon"
      classList={{ filled: props.filled }}
      viewBox="0 0 24 24"
      width={props.size ?? 20}
      height={props.size ?? 20}
      aria-hidden="true"
    >
      <path d={PATHS[props.name]} />
    </svg>
  );
}
