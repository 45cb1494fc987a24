/** Who can be talked to: GET /api/characters. */
import type { CharacterInfo, FigureSpec } from "./model";

export async function askCharacters(token: string): Promise<readonly CharacterInfo[]> {
  try {
    const answer = await fetch("/api/characters", token ? { headers: { Authorization: `Bearer ${token}` } } : {});
    if (!answer.ok) return [];
    const said = (await answer.json()) as { characters?: unknown };
    return Array.isArray(said.characters) ? said.characters.map(character).filter((each) => each !== null) : [];
  } catch {
    // Only the picker needs the list; the conversation goes on without it.
    return [];
  }
}

/** A character of which only the name is known. */
export function stranger(name: string): CharacterInfo {
  return { name, displayName: name, language: "", subtitles: "", figure: { kind: "drawn" } };
}

export function character(said: unknown): CharacterInfo | null {
  if (typeof said !== "object" || said === null) return null;
  const { name, display_name, language, subtitles, description, figure } = said as Record<string, unknown>;
  if (typeof name !== "string") return null;
  return {
    name,
    displayName: typeof display_name === "string" && display_name ? display_name : name,
    language: typeof language === "string" ? language : "",
    subtitles: typeof subtitles === "string" ? subtitles : "",
    ...(typeof description === "object" && description !== null ? { description: description as Record<string, string> } : {}),
    figure: figureOf(figure),
  };
}

/** The line on a character in a language, else as it was written. */
export function described(character: CharacterInfo | null, language: string): string {
  const lines = character?.description ?? {};
  return lines[language] || lines[""] || lines[character?.language ?? ""] || lines["en"] || Object.values(lines)[0] || "";
}

function figureOf(said: unknown): FigureSpec {
  if (typeof said !== "object" || said === null) return { kind: "drawn" };
  const { kind, url, look } = said as Record<string, unknown>;
  return {
    kind: kind === "vrm" || kind === "live2d" ? kind : "drawn",
    ...(typeof url === "string" && url ? { url } : {}),
    ...(typeof look === "object" && look !== null ? { look: look as Record<string, string> } : {}),
  };
}
