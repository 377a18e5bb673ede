/** Which executions are chosen. `anchor` is where a range begins; with `all`, all that match the filters are. */
export interface Selection {
  chosen: ReadonlySet<string>;
  anchor: string | null;
  all: boolean;
}

export const NOTHING_CHOSEN: Selection = { chosen: new Set(), anchor: null, all: false };

/** One execution chosen or not any more; with `range`, all from the one before it as well. */
export function toggle(
  selection: Selection,
  arns: readonly string[],
  arn: string,
  range: boolean,
): Selection {
  const wanted = selection.all || !selection.chosen.has(arn);
  const chosen = new Set(selection.all ? [] : selection.chosen);
  const from = range && selection.anchor !== null ? arns.indexOf(selection.anchor) : -1;
  const at = arns.indexOf(arn);
  const touched = from === -1 || at === -1 ? [arn] : arns.slice(Math.min(from, at), Math.max(from, at) + 1);
  for (const one of touched) wanted ? chosen.add(one) : chosen.delete(one);
  return { chosen, anchor: arn, all: false };
}

/** All that are shown, or none where they are chosen already. */
export function toggleShown(selection: Selection, arns: readonly string[]): Selection {
  if (isEverythingChosen(selection, arns)) return NOTHING_CHOSEN;
  return { chosen: new Set(arns), anchor: null, all: false };
}

export function isEverythingChosen(selection: Selection, arns: readonly string[]): boolean {
  return selection.all || (arns.length > 0 && arns.every((arn) => selection.chosen.has(arn)));
}
