/** Where the server is and how to speak to it. */

import { isIP } from "node:net";
import type { ConnectionOptions, SslOptions } from "mysql2/promise";

/** Holds the password when the options do not. It is read nowhere else, and never shown. */
export const PASSWORD_VARIABLE = "G6O_STORE_PASSWORD";

/**
 * "off": plain text. "encrypt": whoever answers is believed. "verify": its certificate must be good for the host.
 * PEM texts, not file names. To verify, `host` must be a name: the driver compares a certificate with no IP address.
 */
export type Tls =
  | { readonly mode: "off" }
  | { readonly mode: "encrypt" }
  | { readonly mode: "verify"; readonly ca?: string; readonly cert?: string; readonly key?: string };

export interface Options {
  readonly host: string;
  /** Default: 3306. */
  readonly port?: number;
  /** SELECT on compiled_prompts and diagnosis_classifications is enough: g6o-eval grants --role reader. */
  readonly user: string;
  /** Default: the variable G6O_STORE_PASSWORD, else none. */
  readonly password?: string;
  readonly database: string;
  /** Default: off on this machine, verify elsewhere. */
  readonly tls?: Tls;
  /** How long to wait for a connection. Default: 2,000. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for an answer. Default: 5,000. */
  readonly queryTimeoutMs?: number;
}

export interface Timeouts {
  readonly connectMs: number;
  readonly queryMs: number;
}

export function timeouts(options: Options): Timeouts {
  return {
    connectMs: milliseconds(options.connectTimeoutMs ?? 2_000, "connectTimeoutMs"),
    queryMs: milliseconds(options.queryTimeoutMs ?? 5_000, "queryTimeoutMs"),
  };
}

/** Return what the driver is told. */
export function driverOptions(options: Options, environment: NodeJS.ProcessEnv): ConnectionOptions {
  const password = options.password ?? environment[PASSWORD_VARIABLE];
  const ssl = sslOptions(options.tls ?? { mode: isLoopback(options.host) ? "off" : "verify" }, options.host);
  return {
    host: options.host,
    port: options.port ?? 3306,
    user: options.user,
    database: options.database,
    charset: "utf8mb4",
    dateStrings: true, // DATETIME has no zone: a Date would be shifted by this machine's
    connectTimeout: timeouts(options).connectMs,
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
  };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function sslOptions(tls: Tls, host: string): SslOptions | undefined {
  switch (tls.mode) {
    case "off":
      return undefined;
    case "encrypt":
      return { rejectUnauthorized: false };
    case "verify": {
      if (isIP(host) !== 0) {
        // mysql2 would compare the certificate with "localhost".
        throw new RangeError(`TLS cannot be verified for the address ${host}: give the host's name, or choose tls.mode`);
      }
      const { mode: _, ...files } = tls;
      return { ...files, rejectUnauthorized: true, verifyIdentity: true };
    }
  }
}

function milliseconds(value: number, name: string): number {
  if (!Number.isFinite(value) || value <= 0) {
    throw new RangeError(`${name} must be a number of milliseconds above 0, got ${value}`);
  }
  return value;
}
