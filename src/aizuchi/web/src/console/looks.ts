/** The language and the theme, as they were chosen on the stage; the console may change the language. */
import { signal } from "@preact/signals";
import { LANGUAGES, language, preferred, type Language } from "../shared/i18n";
import { dress, type Theme } from "../shared/theme";
import { isObject } from "./api";

const KEY = "aizuchi.settings";

function settings(): Record<string, unknown> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return isObject(kept) ? kept : {};
  } catch {
    return {};
  }
}

export function dressed(): void {
  const kept = settings();
  language.value = LANGUAGES.find((each) => each === kept["language"]) ?? preferred();
  const theme = kept["theme"];
  dress(signal<Theme>(theme === "dark" || theme === "light" ? theme : "auto"), language);
}

export function choose(lang: Language): void {
  language.value = lang;
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...settings(), language: lang }));
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}
