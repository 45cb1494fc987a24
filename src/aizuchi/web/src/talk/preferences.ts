/** What the person chose, kept in this browser. Whatever is stored there is taken only as far as it makes sense. */
import { LANGUAGES, preferred } from "../shared/i18n";
import type { Settings } from "./model";

const KEY = "aizuchi.settings";
const CHOICES = {
  mode: ["push", "auto", "continuous"],
  language: LANGUAGES,
  theme: ["auto", "light", "dark"],
} as const;

export function defaults(): Settings {
  return {
    mode: "continuous",
    language: preferred(),
    microphone: "",
    speaker: "",
    volume: 1,
    theme: "auto",
    thoughts: true,
    subtitles: true,
    headphones: false,
  };
}

export function recallSettings(storage: Pick<Storage, "getItem">): Settings {
  try {
    return merged(defaults(), JSON.parse(storage.getItem(KEY) ?? "{}") as Record<string, unknown>);
  } catch {
    return defaults();
  }
}

export function keepSettings(storage: Pick<Storage, "setItem">, settings: Settings): void {
  storage.setItem(KEY, JSON.stringify(settings));
}

/** Of `wishes`, what is of the right kind. */
export function merged(settings: Settings, wishes: Readonly<Record<string, unknown>>): Settings {
  const fitting = Object.entries(wishes).filter(([name, value]) => {
    if (name in CHOICES) return (CHOICES[name as keyof typeof CHOICES] as readonly unknown[]).includes(value);
    if (name === "volume") return typeof value === "number" && value >= 0 && value <= 1;
    return name in settings && typeof value === typeof settings[name as keyof Settings];
  });
  return { ...settings, ...Object.fromEntries(fitting) };
}
