/** The prompt ids of a punch card, and the order in which they are tried. */

/** Of the column prompt_id, in characters. */
export const LONGEST_ID = 200;

export interface Card {
  readonly card: string;
  readonly formula?: string;
  /** Levels below the root, 0 or more. */
  readonly depth?: number;
}

/** Return the ids of a card's exit prompt, most specific first: formula and depth, formula, depth, the card alone. */
export function candidates({ card, formula, depth }: Card): string[] {
  if (depth !== undefined && (!Number.isInteger(depth) || depth < 0)) {
    throw new RangeError(`depth must be a whole number ≥ 0, got ${depth}`);
  }
  const base = `card-exit:${card}`;
  const byFormula = formula === undefined ? undefined : `${base}:formula-${formula}`;
  const byDepth = depth === undefined ? undefined : `:depth-${depth}`;
  const found = [
    byFormula !== undefined && byDepth !== undefined ? byFormula + byDepth : undefined,
    byFormula,
    byDepth === undefined ? undefined : base + byDepth,
    base,
  ];
  return found.filter((id) => id !== undefined);
}

/** Throw unless these can be ids: a caller's mistake, not a state of the server. */
export function checkIds(ids: readonly string[]): void {
  if (ids.length === 0) {
    throw new RangeError("readPrompt needs at least one id");
  }
  for (const id of ids) {
    checkKey(id, LONGEST_ID, "a prompt id");
  }
}

export function checkKey(value: string, longest: number, what: string): void {
  if (typeof value !== "string" || value.length === 0 || [...value].length > longest) {
    throw new RangeError(`${what} has 1 to ${longest} characters, got ${JSON.stringify(value)}`);
  }
}
