/** Reads what g6o-eval promoted. One reader for a process; it keeps one connection and replaces it when it is lost. */

import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";
import { within } from "./deadline.js";
import { checkIds, checkKey } from "./ids.js";
import { driverOptions, timeouts, type Options } from "./options.js";
import { ReadError, type DiagnosisResult, type PromptResult, type Unavailable } from "./result.js";
import { number, pick, text, time } from "./rows.js";

/** Nothing is known of these but that the connection is gone: a read may be sent again. */
const LOST = new Set(["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE", "ER_SERVER_SHUTDOWN"]);

const LONGEST_SESSION_ID = 100;

export class PromptReader {
  readonly #options: Options;
  #connection: Promise<Connection> | undefined;
  #closed = false;

  constructor(options: Options) {
    driverOptions(options, process.env); // a wrong option is told here, not by the first read
    timeouts(options);
    this.#options = options;
  }

  /**
   * Return the first of these prompts that has a text, in the order of the ids: most specific first.
   *
   * A text that is blank is passed over for the next id.
   */
  async readPrompt(ids: readonly string[]): Promise<PromptResult> {
    checkIds(ids);
    const holes = ids.map(() => "?").join(", ");
    const sql =
      "SELECT prompt_id, compiled_prompt, compiled_at, dspy_version FROM compiled_prompts " +
      `WHERE prompt_id IN (${holes})`;
    return this.#read("compiled_prompts", sql, ids, (rows) => pick(rows, ids));
  }

  /** Return what a session was diagnosed as. */
  async readDiagnosis(sessionId: string): Promise<DiagnosisResult> {
    checkKey(sessionId, LONGEST_SESSION_ID, "a session id");
    const sql =
      "SELECT session_id, category, confidence, evidence, classified_at, classifier_version " +
      "FROM diagnosis_classifications WHERE session_id = ?";
    return this.#read("diagnosis_classifications", sql, [sessionId], (rows) => {
      // The column may compare without regard to case; a session id does not.
      const row = rows.find((each) => each["session_id"] === sessionId);
      if (row === undefined) {
        return { kind: "missing" };
      }
      return {
        kind: "found",
        sessionId,
        category: text(row, "category"),
        confidence: number(row, "confidence"),
        evidence: text(row, "evidence"),
        classifiedAt: time(row, "classified_at"),
        classifierVersion: text(row, "classifier_version"),
      };
    });
  }

  /** Close the connection; every read afterwards is unavailable. */
  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    (await connection?.catch(() => undefined))?.destroy();
  }

  async #read<T>(
    table: string,
    sql: string,
    values: readonly string[],
    parse: (rows: RowDataPacket[]) => T,
  ): Promise<T | Unavailable> {
    try {
      let rows: RowDataPacket[];
      try {
        rows = await this.#query(sql, values);
      } catch (error) {
        if (!LOST.has(codeOf(error))) {
          throw error;
        }
        rows = await this.#query(sql, values); // on a new connection; once
      }
      return parse(rows);
    } catch (error) {
      return { kind: "unavailable", error: this.#error(table, error) };
    }
  }

  async #query(sql: string, values: readonly string[]): Promise<RowDataPacket[]> {
    if (this.#closed) {
      throw new Error("the reader is closed");
    }
    this.#connection ??= this.#connect();
    const used = this.#connection;
    try {
      const connection = await used;
      // Our own clock: the driver's counts neither the time in its queue nor that of preparing.
      const answer = connection.execute<RowDataPacket[]>(sql, [...values]);
      const [rows] = await within(answer, timeouts(this.#options).queryMs);
      return rows;
    } catch (error) {
      this.#drop(used);
      throw error;
    }
  }

  async #connect(): Promise<Connection> {
    const connection = await createConnection(driverOptions(this.#options, process.env));
    connection.on("error", () => this.#drop(this.#connection)); // lost while idle: the next read makes another
    return connection;
  }

  /** Forget a connection after any error on it: what it would answer next is not known. */
  #drop(used: Promise<Connection> | undefined): void {
    if (used !== undefined && this.#connection === used) {
      this.#connection = undefined;
      used.then((connection) => connection.destroy()).catch(() => undefined); // it never stood: its reader was told
    }
  }

  #error(table: string, error: unknown): ReadError {
    const { host, port = 3306, user, database } = this.#options;
    const said = error instanceof Error ? error.message || codeOf(error) : String(error);
    return new ReadError(`cannot read ${table} from ${user}@${host}:${port}/${database}: ${said}`, codeOf(error));
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
