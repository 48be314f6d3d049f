/** Rows as the server sent them, and what may be made of them. */

import type { Missing, Prompt } from "./result.js";

export type Row = Readonly<Record<string, unknown>>;

/**
 * Return the prompt of the first id that has a text.
 *
 * The rows come in any order; the ids give it. They are compared here once more, because the
 * column may compare without regard to case.
 */
export function pick(rows: readonly Row[], ids: readonly string[]): Prompt | Missing {
  for (const id of ids) {
    const row = rows.find((each) => each["prompt_id"] === id);
    if (row !== undefined && text(row, "compiled_prompt").trim() !== "") {
      return {
        kind: "found",
        id,
        text: text(row, "compiled_prompt"),
        compiledAt: time(row, "compiled_at"),
        dspyVersion: text(row, "dspy_version"),
      };
    }
  }
  return { kind: "missing" };
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") {
    throw new TypeError(`column ${column} holds ${describe(value)}, expected a text`);
  }
  return value;
}

export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new TypeError(`column ${column} holds ${describe(value)}, expected a number`);
  }
  return value;
}

/** Return a DATETIME, which has no zone and is UTC by contract, as ISO 8601. */
export function time(row: Row, column: string): string {
  const value = text(row, column);
  const found = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.\d+)?$/.exec(value);
  if (found === null) {
    throw new TypeError(`column ${column} holds ${describe(value)}, expected a DATETIME`);
  }
  return `${found[1]}T${found[2]}Z`;
}

function describe(value: unknown): string {
  return value instanceof Uint8Array ? `${value.length} bytes` : String(JSON.stringify(value));
}
