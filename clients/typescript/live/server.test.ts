/**
 * Against a real Dolt server, as a user who may only SELECT. Python promotes, also meanwhile:
 * tests/store/test_typescript.py starts this and sets the variables.
 */

import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { PromptReader, type PromptResult } from "../src/index.js";
import { variable } from "./variable.js";

const OPTIONS = {
  host: variable("G6O_LIVE_HOST"),
  port: Number(variable("G6O_LIVE_PORT")),
  user: variable("G6O_LIVE_USER"),
  database: variable("G6O_LIVE_DATABASE"),
};
const reader = new PromptReader(OPTIONS);

afterAll(() => reader.close());

describe("what Python promoted", () => {
  test("is read to the last character", async () => {
    expect(await reader.readPrompt(["exact:text"])).toMatchObject({
      kind: "found",
      id: "exact:text",
      text: variable("G6O_LIVE_EXACT"),
      dspyVersion: "3.4.1",
      compiledAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  test("is found under the most specific id that has a text", async () => {
    const ids = ["card-exit:c:formula-f:depth-1", "card-exit:c:formula-f", "card-exit:c:depth-1", "card-exit:c"];

    expect(await reader.readPrompt(ids)).toMatchObject({ id: "card-exit:c:depth-1", text: "by depth" });
    expect(await reader.readPrompt(ids.slice(0, 2))).toEqual({ kind: "missing" });
  });

  test("has no prompt under an id in another case, or of another kind", async () => {
    expect(await reader.readPrompt(["EXACT:TEXT", "exact:text' OR '1'='1"])).toEqual({ kind: "missing" });
  });
});

describe("a diagnosis", () => {
  test("is read with every column", async () => {
    expect(await reader.readDiagnosis("ses_1")).toEqual({
      kind: "found",
      sessionId: "ses_1",
      category: "infinite_retry",
      confidence: 0.75,
      evidence: "the same command, 14 times",
      classifiedAt: "2026-01-02T03:04:05Z",
      classifierVersion: "v1",
    });
  });

  test("is missing when there is none", async () => {
    expect(await reader.readDiagnosis("ses_2")).toEqual({ kind: "missing" });
  });
});

describe("what the server refuses", () => {
  test("a wrong user is unavailable, with the server's reason", async () => {
    const stranger = new PromptReader({ ...OPTIONS, user: "nobody_at_all" });

    expect(await stranger.readPrompt(["exact:text"])).toMatchObject({
      kind: "unavailable",
      error: { code: "ER_ACCESS_DENIED_ERROR" },
    });
  });

  test("a database without our tables is unavailable, and the table is named", async () => {
    const elsewhere = new PromptReader({ ...OPTIONS, user: "root", database: "information_schema" });
    const result = await elsewhere.readPrompt(["a"]);
    await elsewhere.close();

    expect(result).toMatchObject({ kind: "unavailable", error: { message: expect.stringContaining("compiled_prompts") } });
  });

  test.each(["encrypt", "verify"] as const)("TLS to %s is not given up where there is none", async (mode) => {
    const careful = new PromptReader({ ...OPTIONS, host: "localhost", tls: { mode } });

    expect(await careful.readPrompt(["exact:text"])).toMatchObject({
      kind: "unavailable",
      error: { code: "HANDSHAKE_NO_SSL_SUPPORT" },
    });
  });
});

describe("while Python promotes", () => {
  test("every read is the old text or the new one, never none, half or older", async () => {
    const last = Number(variable("G6O_LIVE_LAST"));
    const seen = new Set<number>();
    let newest = 0;
    let reads = 0;
    writeFileSync(variable("G6O_LIVE_STARTED"), ""); // Python begins when this file is there
    for (; newest < last; reads += 1) {
      const [one, two] = await Promise.all([reader.readPrompt(["race:one"]), reader.readPrompt(["race:two"])]);
      const number = promoted(one);
      expect(number).toBeGreaterThanOrEqual(newest);
      expect(promoted(two)).toBeGreaterThanOrEqual(number);
      seen.add(number);
      newest = number;
    }
    console.log(`live: ${2 * reads} reads, ${seen.size} of ${last} promotions seen`);
    expect(seen.size).toBeGreaterThan(1);
  });
});

/** Return the number of a text that is `text <n>` and n lines of padding, whole. */
function promoted(result: PromptResult): number {
  expect(result.kind).toBe("found");
  const text = result.kind === "found" ? result.text : "";
  const number = Number(/^text (\d+)\n/.exec(text)?.[1]);
  expect(text).toBe(`text ${number}\n` + `line ${number}\n`.repeat(500));
  return number;
}
