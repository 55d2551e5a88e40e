// The area Calls.

export default function Calls() {
  return null;
}
