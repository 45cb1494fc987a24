/** The bytes of a model: from our own server, with the person's token, or from files that were dropped. */
import { FigureError, type Worn } from "./figure";
import { t } from "./texts";

export const LIMIT_MB = 200;
const LIMIT = LIMIT_MB << 20;

export type Bytes = ArrayBuffer;

/** Which figure dropped files are; null if they are none. */
export function worn(files: readonly File[]): Worn | null {
  if (files.some((each) => each.name.toLowerCase().endsWith(".vrm"))) return { kind: "vrm", files };
  if (files.some((each) => each.name.toLowerCase().endsWith(".model3.json"))) return { kind: "live2d", files };
  return null;
}

function tooLarge(bytes: number): FigureError {
  return new FigureError(t("large", { size: Math.ceil(bytes / (1 << 20)), limit: LIMIT_MB }));
}

/** The full address of a model. */
export const address = (url: string): URL => new URL(url, location.href);

/**
 * Asks for a file. Our own server gets the person's token, in a header and never in the address; of other hosts
 * the page's policy decides, and what it refuses is told in words.
 */
export async function ask(url: URL, signal: AbortSignal): Promise<Response> {
  const ours = url.origin === location.origin;
  const token = ours ? sessionStorage.getItem("aizuchi.token") : null;
  let answer: Response;
  try {
    answer = await fetch(url, { signal, credentials: "omit", headers: token ? { Authorization: `Bearer ${token}` } : {} });
  } catch (error) {
    if (ours || signal.aborted) throw error;
    throw new FigureError(t("host", { host: url.host || url.protocol }));
  }
  if (answer.status === 404) throw new FigureError(t("missing", { name: nameOf(url) }));
  if (!answer.ok) throw new FigureError(t("failed", { why: `HTTP ${answer.status}` }));
  return answer;
}

export const nameOf = (url: URL): string => decodeURIComponent(url.pathname.split("/").pop() ?? "");

/** All of the answer, or a FigureError as soon as it is known to be too much. */
export async function download(url: URL, signal: AbortSignal): Promise<Bytes> {
  const answer = await ask(url, signal);
  const length = Number(answer.headers.get("content-length") ?? 0);
  if (length > LIMIT) {
    await answer.body?.cancel();
    throw tooLarge(length);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = answer.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (!read || read.done) break;
    size += read.value.byteLength;
    if (size > LIMIT) {
      await reader?.cancel();
      throw tooLarge(size);
    }
    parts.push(read.value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole.buffer;
}

export async function readFile(file: File): Promise<Bytes> {
  if (file.size > LIMIT) throw tooLarge(file.size);
  return file.arrayBuffer();
}

/** Any error in words for a person. */
export function told(error: unknown): Error {
  if (error instanceof FigureError || (error instanceof DOMException && error.name === "AbortError")) return error;
  return new FigureError(t("failed", { why: error instanceof Error ? error.message : String(error) }));
}
