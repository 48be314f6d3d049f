import { describe, expect, test } from "vitest";
import { promptOr, ReadError } from "../src/result.js";
import { number, pick, text, time } from "../src/rows.js";

function row(id: string, prompt: string): Record<string, unknown> {
  return { prompt_id: id, compiled_prompt: prompt, compiled_at: "2026-01-02 03:04:05", dspy_version: "3.4.1" };
}

describe("pick", () => {
  test("takes the first id that has a row, whatever the order of the rows", () => {
    const rows = [row("generic", "g"), row("specific", "s")];

    expect(pick(rows, ["none", "specific", "generic"])).toEqual({
      kind: "found",
      id: "specific",
      text: "s",
      compiledAt: "2026-01-02T03:04:05Z",
      dspyVersion: "3.4.1",
    });
  });

  test.each(["", " \n\t"])("passes over the blank text %j", (blank) => {
    expect(pick([row("a", blank), row("b", "b")], ["a", "b"])).toMatchObject({ kind: "found", id: "b" });
  });

  test("finds nothing when every text is blank, and nothing without rows", () => {
    expect(pick([row("a", " ")], ["a"])).toEqual({ kind: "missing" });
    expect(pick([], ["a"])).toEqual({ kind: "missing" });
  });

  test("does not take an id that differs in case", () => {
    expect(pick([row("CARD", "x")], ["card"])).toEqual({ kind: "missing" });
  });

  test("gives the text back as it is, with blanks and line ends at both ends", () => {
    expect(pick([row("a", "\r\n é😀 \n")], ["a"])).toMatchObject({ text: "\r\n é😀 \n" });
  });
});

describe("a value of another type", () => {
  test("is no text", () => {
    expect(() => text({ a: null }, "a")).toThrow(new TypeError("column a holds null, expected a text"));
    expect(() => text({ a: new Uint8Array(3) }, "a")).toThrow(new TypeError("column a holds 3 bytes, expected a text"));
  });

  test.each(["1", Number.NaN, null, undefined])("%j is no number", (value) => {
    expect(() => number({ a: value }, "a")).toThrow("expected a number");
  });

  test.each(["", "2026-01-02", "2026-01-02T03:04:05Z"])("%j is no DATETIME", (value) => {
    expect(() => time({ a: value }, "a")).toThrow(
      new TypeError(`column a holds ${JSON.stringify(value)}, expected a DATETIME`),
    );
  });
});

describe("promptOr", () => {
  test("gives the text without asking for a fallback", () => {
    const found = pick([row("a", "A")], ["a"]);

    expect(promptOr(found, () => expect.fail("asked"))).toBe("A");
  });

  test("tells the fallback why", () => {
    const error = new ReadError("gone", "ECONNREFUSED");

    expect(promptOr({ kind: "missing" }, (why) => why.kind)).toBe("missing");
    expect(promptOr({ kind: "unavailable", error }, (why) => (why.kind === "unavailable" ? why.error.code : ""))).toBe(
      "ECONNREFUSED",
    );
  });
});
