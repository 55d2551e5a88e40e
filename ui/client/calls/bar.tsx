// The bar of a call that is under way, at the foot of every area.

export function CallBar() {
  return null;
}
