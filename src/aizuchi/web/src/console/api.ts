/** Asks the server's /api/console. The token goes into a header, never into an address. */
import { signal } from "@preact/signals";
import { language } from "../shared/i18n";

const KEY = "aizuchi.token";

export const token = signal(kept());

/** Storage may be forbidden to a page; the token then lasts as long as the page. */
function kept(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function remember(secret: string): void {
  token.value = secret;
  try {
    if (secret) sessionStorage.setItem(KEY, secret);
    else sessionStorage.removeItem(KEY);
  } catch {
    return;
  }
}

/** An answer that is none. `body` is what the server said besides its sentence. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(typeof body["error"] === "string" ? body["error"] : `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

export type Method = "GET" | "POST" | "PUT" | "PATCH";

/** Longer than any trial may take on the server. */
const PATIENCE_MS = 45_000;

export async function ask<T>(method: Method, path: string, body?: object | Blob): Promise<T> {
  const headers: Record<string, string> = { "X-Aizuchi-Console": "1" };
  if (token.value) headers["Authorization"] = `Bearer ${token.value}`;
  const init: RequestInit = { method, headers, cache: "no-store", credentials: "omit", redirect: "error" };
  init.signal = AbortSignal.timeout(PATIENCE_MS);
  if (body instanceof Blob) {
    headers["Content-Type"] = body.type;
    init.body = body;
  } else if (body) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const lang = language.value === "zh" ? "zh" : "en";
  const response = await fetch(`/api/console${path}?lang=${lang}`, init).catch(() => {
    throw new Refusal(0, {});
  });
  const said: unknown = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, isObject(said) ? said : {});
  return said as T;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
