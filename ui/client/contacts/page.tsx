// The area Contacts.

export default function Page() {
  return null;
}
