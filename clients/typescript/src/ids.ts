/** The prompt ids of a punch card, and the order in which they are tried. */

/** Of the column prompt_id, in characters. */
export const LONGEST_ID = 200;

/** Levels of delegation that are believed; more is a circle in the records. */
export const DEEPEST = 10;

export interface Card {
  readonly card: string;
  readonly formula?: string;
  /** What `depthOf` says of the session: 1 for one that nobody asked for. */
  readonly depth?: number;
}

/** Return the ids of a card's exit prompt, most specific first: formula and depth, formula, depth, the card alone. */
export function candidates({ card, formula, depth }: Card): string[] {
  if (depth !== undefined && (!Number.isInteger(depth) || depth < 1)) {
    throw new RangeError(`depth must be a whole number ≥ 1, got ${depth}`);
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

/**
 * Return how deep a session stands: 1 for one that nobody asked for, one more than its parent's else. The same
 * rule as `g6o_eval.fleet.exits.depth_of`, by which texts are published: a depth counted otherwise finds none.
 */
export function depthOf(sessionId: string, parents: Readonly<Record<string, string>>): number {
  let depth = 1;
  for (let at = parents[sessionId]; at !== undefined; at = parents[at]) {
    depth += 1;
    if (depth > DEEPEST) {
      throw new RangeError(`session ${JSON.stringify(sessionId)} stands deeper than ${DEEPEST} levels: its parents go in a circle`);
    }
  }
  return depth;
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
