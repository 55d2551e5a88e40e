// The area Chat.

export default function Page() {
  return null;
}
