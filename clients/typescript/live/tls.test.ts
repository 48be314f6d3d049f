/** Against a server whose certificate signs itself: tests/store/test_typescript.py starts both. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PromptReader, type Options, type PromptResult, type Tls } from "../src/index.js";
import { variable } from "./variable.js";

const OPTIONS: Options = {
  host: "localhost",
  port: Number(variable("G6O_LIVE_PORT")),
  user: "root",
  database: "evals",
};
const CA = readFileSync(variable("G6O_LIVE_CA"), "utf8");

async function read(tls: Tls): Promise<PromptResult> {
  const reader = new PromptReader({ ...OPTIONS, tls });
  const result = await reader.readPrompt(["a"]);
  await reader.close();
  return result;
}

/** What a server answers that was spoken to: it has no such table. */
const SPOKEN = { kind: "unavailable", error: { message: expect.stringContaining("table not found") } };

describe("a certificate that nobody else signed", () => {
  test("is refused when it must be verified", async () => {
    expect(await read({ mode: "verify" })).toMatchObject({
      kind: "unavailable",
      error: { message: expect.stringContaining("self-signed certificate") },
    });
  });

  test("is taken from the one who has it, and by the one who believes anybody", async () => {
    expect(await read({ mode: "verify", ca: CA })).toMatchObject(SPOKEN);
    expect(await read({ mode: "encrypt" })).toMatchObject(SPOKEN);
  });
});
