import { describe, expect, test } from "vitest";
import { driverOptions, isLoopback, timeouts, type Options } from "../src/options.js";
import { PromptReader } from "../src/reader.js";

const HERE: Options = { host: "127.0.0.1", user: "daemon", database: "evals" };
const THERE: Options = { ...HERE, host: "db.example" };

describe("TLS", () => {
  test("is off on this machine and verified elsewhere, unless said otherwise", () => {
    expect(driverOptions(HERE, {}).ssl).toBeUndefined();
    expect(driverOptions(THERE, {}).ssl).toEqual({ rejectUnauthorized: true, verifyIdentity: true });
    expect(driverOptions({ ...THERE, tls: { mode: "off" } }, {}).ssl).toBeUndefined();
    expect(driverOptions({ ...THERE, tls: { mode: "encrypt" } }, {}).ssl).toEqual({ rejectUnauthorized: false });
    expect(driverOptions({ ...THERE, tls: { mode: "verify", ca: "PEM" } }, {}).ssl).toEqual({
      ca: "PEM",
      rejectUnauthorized: true,
      verifyIdentity: true,
    });
  });

  test.each([
    ["localhost", true],
    ["127.0.0.9", true],
    ["::1", true],
    ["127.example", false],
    ["10.0.0.1", false],
  ])("takes %s for this machine: %s", (host, here) => {
    expect(isLoopback(host)).toBe(here);
  });
});

describe("an address without a name", () => {
  test.each([
    { ...THERE, host: "10.0.0.1" },
    { ...HERE, tls: { mode: "verify" } as const },
    { ...HERE, host: "fe80::1" },
  ])("cannot be verified: %j", (options) => {
    expect(() => driverOptions(options, {})).toThrow(
      new RangeError(
        `TLS cannot be verified for the address ${options.host}: give the host's name, or choose tls.mode`,
      ),
    );
    expect(() => new PromptReader(options)).toThrow(RangeError);
  });
});

describe("the password", () => {
  test("comes from the options, else from the environment, else there is none", () => {
    const environment = { G6O_STORE_PASSWORD: "env" };

    expect(driverOptions({ ...HERE, password: "opt" }, environment).password).toBe("opt");
    expect(driverOptions(HERE, environment).password).toBe("env");
    expect(driverOptions(HERE, {})).not.toHaveProperty("password");
  });
});

describe("timeouts", () => {
  test("have defaults", () => {
    expect(timeouts(HERE)).toEqual({ connectMs: 2_000, queryMs: 5_000 });
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuse %d", (value) => {
    expect(() => timeouts({ ...HERE, queryTimeoutMs: value })).toThrow(
      new RangeError(`queryTimeoutMs must be a number of milliseconds above 0, got ${value}`),
    );
  });
});
