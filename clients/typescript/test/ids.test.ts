import { describe, expect, test } from "vitest";
import { candidates, checkIds } from "../src/ids.js";

describe("candidates", () => {
  test.each([
    [{ card: "c" }, ["card-exit:c"]],
    [{ card: "c", depth: 0 }, ["card-exit:c:depth-0", "card-exit:c"]],
    [{ card: "c", formula: "f" }, ["card-exit:c:formula-f", "card-exit:c"]],
    [
      { card: "c", formula: "f", depth: 2 },
      ["card-exit:c:formula-f:depth-2", "card-exit:c:formula-f", "card-exit:c:depth-2", "card-exit:c"],
    ],
  ])("of %j begin with the most specific", (card, ids) => {
    expect(candidates(card)).toEqual(ids);
  });

  test.each([-1, 1.5, Number.NaN])("refuse the depth %d", (depth) => {
    expect(() => candidates({ card: "c", depth })).toThrow(
      new RangeError(`depth must be a whole number ≥ 0, got ${depth}`),
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
