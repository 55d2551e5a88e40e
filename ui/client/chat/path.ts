// The addresses of pages about people and conversations.

/** The page of a conversation; with a message, at its place. */
export const chatPath = (jid: string, message?: string): string => `/chats/${encodeURIComponent(jid)}${message ? `?at=${encodeURIComponent(message)}` : ''}`;

export const contactPath = (jid: string): string => `/contacts/${encodeURIComponent(jid)}`;
