/** What a read can end as. Nothing is thrown for a server that is away, and nothing is swallowed. */

/** A prompt that is live. */
export interface Prompt {
  readonly kind: "found";
  /** The candidate that had it. */
  readonly id: string;
  /** As it was published, every character. */
  readonly text: string;
  /** UTC, ISO 8601 with seconds. */
  readonly compiledAt: string;
  readonly dspyVersion: string;
}

/** What a session was diagnosed as. */
export interface Diagnosis {
  readonly kind: "found";
  readonly sessionId: string;
  readonly category: string;
  /** From 0 to 1. */
  readonly confidence: number;
  readonly evidence: string;
  /** UTC, ISO 8601 with seconds. */
  readonly classifiedAt: string;
  readonly classifierVersion: string;
}

/** The server answered: there is none. For prompts: never promoted, withdrawn, or blank under every id. */
export interface Missing {
  readonly kind: "missing";
}

/** The server did not answer, or not with what the table must hold. Whether there is one is not known. */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly error: ReadError;
}

export type PromptResult = Prompt | Missing | Unavailable;
export type DiagnosisResult = Diagnosis | Missing | Unavailable;

/** Why a read was not answered. Its message names server, user and database, never the password. */
export class ReadError extends Error {
  override readonly name = "ReadError";

  constructor(
    message: string,
    /** Of the driver or the server, for example "ECONNREFUSED", "ER_ACCESS_DENIED_ERROR"; "" without one. */
    readonly code: string,
  ) {
    super(message);
  }
}

/** Return the text, or what the caller falls back to: it is asked, and told why. */
export function promptOr(result: PromptResult, fallback: (why: Missing | Unavailable) => string): string {
  return result.kind === "found" ? result.text : fallback(result);
}
