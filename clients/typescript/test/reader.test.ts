import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { PromptReader } from "../src/reader.js";
import type { Unavailable } from "../src/result.js";

const SECRET = "hunter2";
const servers: Server[] = [];

/** Listen on a free port and do with each client what is asked. */
async function listen(onClient: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onClient(socket);
  });
  server.on("close", () => sockets.forEach((socket) => socket.destroy()));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function reader(port: number): PromptReader {
  const limits = { connectTimeoutMs: 200, queryTimeoutMs: 200 };
  return new PromptReader({ host: "127.0.0.1", port, user: "daemon", password: SECRET, database: "evals", ...limits });
}

function unavailable(result: { kind: string }): Unavailable {
  expect(result.kind).toBe("unavailable");
  return result as Unavailable;
}

afterEach(() => {
  servers.splice(0).forEach((server) => server.close());
});

describe("a server that is not there", () => {
  test("is unavailable, at once, and the error names it but no password", async () => {
    const port = await listen(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));

    const { error } = unavailable(await reader(port).readPrompt(["a"]));

    expect(error.code).toBe("ECONNREFUSED");
    expect(error.message).toBe(
      `cannot read compiled_prompts from daemon@127.0.0.1:${port}/evals: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    expect(JSON.stringify(error) + String(error.stack)).not.toContain(SECRET);
  });
});

describe("a server that accepts and says nothing", () => {
  test("is unavailable after the time for connecting", async () => {
    const port = await listen(() => undefined);
    const start = performance.now();

    const { error } = unavailable(await reader(port).readDiagnosis("s"));

    expect(error.code).toBe("ETIMEDOUT");
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe("a server that closes every connection", () => {
  test("is tried twice and then unavailable", async () => {
    let clients = 0;
    const port = await listen((socket) => {
      clients += 1;
      socket.destroy();
    });

    const { error } = unavailable(await reader(port).readPrompt(["a"]));

    expect(error.code).toMatch(/ECONNRESET|PROTOCOL_CONNECTION_LOST/);
    expect(clients).toBe(2);
  });
});

describe("a server that speaks something else", () => {
  test("is unavailable", async () => {
    const port = await listen((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));

    unavailable(await reader(port).readPrompt(["a"]));
  });
});

describe("a closed reader", () => {
  test("is unavailable and connects to nobody", async () => {
    let clients = 0;
    const port = await listen(() => (clients += 1));
    const closed = reader(port);
    await closed.close();

    expect(unavailable(await closed.readPrompt(["a"])).error.message).toMatch(/: the reader is closed$/);
    expect(clients).toBe(0);
  });
});

describe("a caller's mistake", () => {
  test("is thrown, not told as a state of the server", async () => {
    await expect(reader(1).readPrompt([])).rejects.toThrow("readPrompt needs at least one id");
    await expect(reader(1).readDiagnosis("")).rejects.toThrow("a session id has 1 to 100 characters");
  });
});
