/** Of the many marks of a logarithmic axis, the powers of ten. */
export function decades(_: unknown, splits: (number | null)[]): (number | null)[] {
  return splits.map((value) => (value !== null && Number.isInteger(Math.log10(value)) ? value : null));
}
