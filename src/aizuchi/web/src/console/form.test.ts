import { describe, expect, it } from "vitest";
import { dirty, gathered, matches, parsed, sections, shown } from "./form";
import type { Field } from "./model";

function field(more: Partial<Field>): Field {
  return {
    path: "server.port",
    section: "server",
    type: "int",
    optional: false,
    about: "port to listen on",
    default: 12393,
    value: 12393,
    source: "default",
    applies: "restart",
    editable: true,
    ...more,
  };
}

describe("what an input shows", () => {
  it.each([
    [field({}), "12393"],
    [field({ type: "list", value: ["a", "b"] }), "a\nb"],
    [field({ type: "map", value: { a: 1 } }), '{\n "a": 1\n}'],
    [field({ type: "text", value: null }), ""],
    [field({ expression: "${PORT:-80}", value: 80 }), "${PORT:-80}"],
    [field({ type: "secret", value: "set", expression: "${KEY}" }), ""],
  ])("%#", (each, text) => expect(shown(each)).toBe(text));
});

describe("what was typed", () => {
  const limited = field({ min: 0, max: 65535 });
  it.each([
    [limited, "8080", { ok: true, value: 8080 }],
    [limited, "x", { ok: false, why: "int" }],
    [limited, "1.5", { ok: false, why: "int" }],
    [limited, "70000", { ok: false, why: "range" }],
    [limited, "", { ok: false, why: "int" }],
    [limited, "${PORT:-80}", { ok: true, value: "${PORT:-80}" }],
    [field({ optional: true }), "", { ok: true, value: null }],
    [field({ type: "float" }), "2.5", { ok: true, value: 2.5 }],
    [field({ type: "bool" }), "true", { ok: true, value: true }],
    [field({ type: "list" }), " a \n\n b", { ok: true, value: ["a", "b"] }],
    [field({ type: "chain", section: "llm" }), "", { ok: false, why: "needed" }],
    [field({ type: "chain", section: "turn" }), "", { ok: true, value: [] }],
    [field({ type: "map" }), "[1]", { ok: false, why: "json" }],
    [field({ type: "map" }), '{"a": 1}', { ok: true, value: { a: 1 } }],
    [field({ type: "choice", optional: true }), "", { ok: true, value: "" }],
    [limited, null, { ok: true, value: null }],
  ])("%#", (each, draft, result) => expect(parsed(each, draft)).toEqual(result));
});

describe("what has changed", () => {
  it("is what differs from the server's value", () => {
    expect(dirty(field({}), "12393")).toBe(false);
    expect(dirty(field({}), "1")).toBe(true);
    expect(dirty(field({ editable: false }), "1")).toBe(false);
  });
  it("an empty secret stays what it was", () => {
    expect(dirty(field({ type: "secret", value: "set" }), "")).toBe(false);
    expect(dirty(field({ type: "secret", value: "set" }), "new")).toBe(true);
  });
  it("only what stands in the file can go back to its default", () => {
    expect(dirty(field({}), null)).toBe(false);
    expect(dirty(field({ source: "file" }), null)).toBe(true);
  });
  it("is gathered with what can't be sent", () => {
    const fields = [field({}), field({ path: "a.b", min: 5 }), field({ path: "c" })];
    expect(gathered(fields, { "server.port": "80", "a.b": "1", c: "12393" })).toEqual({
      changes: { "server.port": 80 },
      wrong: { "a.b": "range" },
    });
  });
});

it("finds fields by all words, wherever they stand", () => {
  expect(matches(field({}), "PORT listen")).toBe(true);
  expect(matches(field({}), "port voice")).toBe(false);
});

it("keeps the order of sections", () => {
  const fields = [field({ path: "lang", section: "lang" }), field({ section: "b" }), field({ path: "data", section: "data" }), field({ section: "a" }), field({ section: "b" })];
  expect(sections(fields).map(([name, rows]) => [name, rows.length])).toEqual([["", 2], ["b", 2], ["a", 1]]);
});
