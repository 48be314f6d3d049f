/**
 * Against a server that is stopped, killed and started again: tests/store/test_typescript.py starts both, kills the
 * server when this asks for it, and says when it is back.
 */

import { existsSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { PromptReader, type PromptResult } from "../src/index.js";
import { variable } from "./variable.js";

const LIMITS = { connectTimeoutMs: 300, queryTimeoutMs: 400 };
/** Beyond the limit: what a loaded machine may add. */
const SLACK_MS = 1_500;
/** Until the last thread of a process that was stopped stands still. */
const STANDSTILL_MS = 200;
const reader = new PromptReader({
  host: "127.0.0.1",
  port: Number(variable("G6O_LIVE_PORT")),
  user: "root",
  database: "evals",
  ...LIMITS,
});
const PROMPT = { kind: "found", id: "exact:text", text: "as promoted" };

afterAll(() => reader.close());

function read(): Promise<PromptResult> {
  return reader.readPrompt(["exact:text"]);
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  return [await work, performance.now() - start];
}

test("a server that hangs is unavailable within the limits, and is found again when it goes on", async () => {
  expect(await read()).toMatchObject(PROMPT);
  const server = Number(variable("G6O_LIVE_PID"));

  process.kill(server, "SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, STANDSTILL_MS));
  const [[asked, askedMs], [connected, connectedMs], [diagnosis, diagnosisMs]] = [
    await timed(read()), // on the connection that stands
    await timed(read()), // on one that is never greeted
    await timed(reader.readDiagnosis("ses_1")),
  ];
  process.kill(server, "SIGCONT");

  expect(asked).toMatchObject({ kind: "unavailable", error: { code: "TIMEOUT" } });
  expect(askedMs).toBeLessThan(LIMITS.queryTimeoutMs + SLACK_MS);
  expect(connected).toMatchObject({ kind: "unavailable", error: { code: "ETIMEDOUT" } });
  expect(diagnosis).toMatchObject({ kind: "unavailable", error: { code: "ETIMEDOUT" } });
  expect(Math.max(connectedMs, diagnosisMs)).toBeLessThan(LIMITS.connectTimeoutMs + SLACK_MS);
  expect(await read()).toMatchObject(PROMPT);
});

test("a server that is killed under reads is unavailable until it is back, and never without the prompt", async () => {
  const results: PromptResult[] = [];
  writeFileSync(variable("G6O_LIVE_KILL"), ""); // Python kills it when this file is there
  while (!existsSync(variable("G6O_LIVE_BACK"))) {
    results.push(await read());
  }
  const afterwards = await read();

  const away = results.filter((each) => each.kind === "unavailable");
  console.log(`restart: ${results.length} reads, ${away.length} of them unavailable`);
  expect(away.length).toBeGreaterThan(0);
  for (const each of results) {
    expect(each).toMatchObject(each.kind === "unavailable" ? { error: { code: expect.stringMatching(LOST) } } : PROMPT);
  }
  expect(afterwards).toMatchObject(PROMPT);
});

const LOST = /^(ECONNREFUSED|ECONNRESET|EPIPE|PROTOCOL_CONNECTION_LOST|ETIMEDOUT|TIMEOUT)$/;
