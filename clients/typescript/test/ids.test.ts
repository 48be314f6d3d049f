import { describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { candidates, checkIds, depthOf } from "../src/ids.js";

interface Vectors {
  ids: { card: string; formula: string | null; depth: number | null; ids: string[] }[];
  depths: { session: string; parents: Record<string, string>; depth: number }[];
}
// What the Python side, which publishes the texts, is tested with too.
const VECTORS = JSON.parse(
  readFileSync(new URL("../../../tests/data/exit_ids.json", import.meta.url), "utf8"),
) as Vectors;

describe("what publishes and what reads agree", () => {
  test.each(VECTORS.ids)("on the ids of $card, $formula, $depth", ({ card, formula, depth, ids }) => {
    const asked = { card, ...(formula === null ? {} : { formula }), ...(depth === null ? {} : { depth }) };
    expect(candidates(asked)).toEqual(ids);
  });

  test.each(VECTORS.depths)("on the depth of $session", ({ session, parents, depth }) => {
    expect(depthOf(session, parents)).toBe(depth);
  });

  test("on parents that go in a circle: they are refused", () => {
    expect(() => depthOf("a", { a: "b", b: "a" })).toThrow(
      new RangeError('session "a" stands deeper than 10 levels: its parents go in a circle'),
    );
  });
});

describe("candidates", () => {
  test.each([
    [{ card: "c" }, ["card-exit:c"]],
    [{ card: "c", depth: 1 }, ["card-exit:c:depth-1", "card-exit:c"]],
    [{ card: "c", formula: "f" }, ["card-exit:c:formula-f", "card-exit:c"]],
    [
      { card: "c", formula: "f", depth: 2 },
      ["card-exit:c:formula-f:depth-2", "card-exit:c:formula-f", "card-exit:c:depth-2", "card-exit:c"],
    ],
  ])("of %j begin with the most specific", (card, ids) => {
    expect(candidates(card)).toEqual(ids);
  });

  test.each([-1, 0, 1.5, Number.NaN])("refuse the depth %d", (depth) => {
    expect(() => candidates({ card: "c", depth })).toThrow(
      new RangeError(`depth must be a whole number ≥ 1, got ${depth}`),
    );
  });
});

describe("ids that are read", () => {
  test("may not be none", () => {
    expect(() => checkIds([])).toThrow(new RangeError("readPrompt needs at least one id"));
  });

  test("have at most 200 characters, of whatever width", () => {
    expect(() => checkIds(["😀".repeat(200)])).not.toThrow();
    expect(() => checkIds(["a", "x".repeat(201)])).toThrow("a prompt id has 1 to 200 characters, got");
    expect(() => checkIds(["a", ""])).toThrow(new RangeError('a prompt id has 1 to 200 characters, got ""'));
  });
});
