/** How two parts of a sum compare with the largest sum. The figures stand beside it in words. */
export function Bar({ states, functions, most }: { states: number; functions: number; most: number }) {
  const share = (part: number) => ({ width: most > 0 ? `${(100 * part) / most}%` : 0 });
  return (
    <div className="cost-bar" aria-hidden="true">
      <span className="states" style={share(states)} />
      <span className="functions" style={share(functions)} />
    </div>
  );
}
