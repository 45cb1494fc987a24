/** The language and the theme, as they were chosen on the stage; the console may change the language. */
import { effect } from "@preact/signals";
import { LANGUAGES, language, preferred, type Language } from "../shared/i18n";
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
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const wished = kept["theme"];
    root.dataset["theme"] = wished === "dark" || (wished !== "light" && dark.matches) ? "dark" : "light";
  };
  dark.addEventListener("change", paint);
  paint();
  effect(() => {
    root.lang = { en: "en", zh: "zh-Hans", ja: "ja" }[language.value];
  });
}

export function choose(lang: Language): void {
  language.value = lang;
  localStorage.setItem(KEY, JSON.stringify({ ...settings(), language: lang }));
}
