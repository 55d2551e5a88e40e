// The area Settings.

export default function Page() {
  return null;
}
