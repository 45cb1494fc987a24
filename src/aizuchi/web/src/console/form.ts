/** The configuration form without its looks: what a field's input shows, what was typed into it means. */
import type { Field } from "./model";

/** Path -> what stands in its input; null: back to the default. */
export type Drafts = Readonly<Record<string, string | null>>;

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: Why };
export type Why = "int" | "float" | "range" | "json" | "needed";

/** A value as its input shows it. An expression such as ${PORT:-80} is shown as it is written. */
export function shown(field: Field): string {
  if (field.expression !== undefined && field.type !== "secret") return field.expression;
  return written(field, field.value);
}

export function written(field: Field, value: unknown): string {
  if (field.type === "secret" || field.type === "secrets" || value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join("\n");
  return typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}

/** What a draft would set; null is the default. */
export function parsed(field: Field, draft: string | null): Parsed {
  if (draft === null) return { ok: true, value: null };
  const text = draft.trim();
  if (text.includes("${")) return { ok: true, value: text };
  if (!text && field.optional && field.type !== "choice") return { ok: true, value: null };
  switch (field.type) {
    case "bool":
      return { ok: true, value: text === "true" };
    case "int":
    case "float":
      return number(field, text);
    case "list":
    case "chain": {
      const lines = text.split("\n").map((each) => each.trim()).filter(Boolean);
      return field.type === "chain" && !lines.length && field.section !== "turn" ? { ok: false, why: "needed" } : { ok: true, value: lines };
    }
    case "map":
      return mapping(text);
    default:
      return { ok: true, value: draft };
  }
}

function number(field: Field, text: string): Parsed {
  const value = Number(text);
  if (!text || !Number.isFinite(value)) return { ok: false, why: field.type === "int" ? "int" : "float" };
  if (field.type === "int" && !Number.isInteger(value)) return { ok: false, why: "int" };
  if ((field.min !== undefined && value < field.min) || (field.max !== undefined && value > field.max)) {
    return { ok: false, why: "range" };
  }
  return { ok: true, value };
}

function mapping(text: string): Parsed {
  try {
    const value: unknown = JSON.parse(text || "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ok: true, value } : { ok: false, why: "json" };
  } catch {
    return { ok: false, why: "json" };
  }
}

/** Whether a draft would change anything. An empty secret stays what it was. */
export function dirty(field: Field, draft: string | null | undefined): boolean {
  if (draft === undefined || !field.editable) return false;
  if (draft === null) return field.source === "file";
  return field.type === "secret" ? draft !== "" : draft !== shown(field);
}

export interface Gathered {
  readonly changes: Readonly<Record<string, unknown>>;
  readonly wrong: Readonly<Record<string, Why>>;
}

/** All that was changed, ready to be sent, and what can't be. */
export function gathered(fields: readonly Field[], drafts: Drafts): Gathered {
  const changes: Record<string, unknown> = {};
  const wrong: Record<string, Why> = {};
  for (const field of fields) {
    const draft = drafts[field.path];
    if (draft === undefined || !dirty(field, draft)) continue;
    const result = parsed(field, draft);
    if (result.ok) changes[field.path] = result.value;
    else wrong[field.path] = result.why;
  }
  return { changes, wrong };
}

/** Every word of a search stands in the field's path, its meaning or its value. */
export function matches(field: Field, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${field.path} ${field.about} ${field.provider ?? ""} ${written(field, field.value)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Fields by section, in the order in which they came; those that belong to none have an empty name. */
export function sections(fields: readonly Field[]): readonly (readonly [string, readonly Field[]])[] {
  const found = new Map<string, Field[]>();
  for (const field of fields) {
    const name = field.path === field.section && field.type !== "chain" ? "" : field.section;
    const rows = found.get(name);
    if (rows) rows.push(field);
    else found.set(name, [field]);
  }
  return [...found];
}
