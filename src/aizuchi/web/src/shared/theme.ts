/** Light or dark. The stylesheet knows only `data-theme="dark"`; "auto" is decided here and follows the system. */
import { effect, signal, type ReadonlySignal } from "@preact/signals";
import type { Language } from "./i18n";

export type Theme = "auto" | "light" | "dark";

const systemDark = signal(false);
if (typeof matchMedia === "function") {
  const query = matchMedia("(prefers-color-scheme: dark)");
  systemDark.value = query.matches;
  query.addEventListener("change", () => (systemDark.value = query.matches));
}

export function isDark(theme: Theme): boolean {
  return theme === "dark" || (theme === "auto" && systemDark.value);
}

/** Keeps the document's theme and language as chosen; returns what ends it. */
export function dress(theme: ReadonlySignal<Theme>, language: ReadonlySignal<Language>): () => void {
  return effect(() => {
    const root = document.documentElement;
    root.dataset.theme = isDark(theme.value) ? "dark" : "light";
    root.lang = { en: "en", zh: "zh-Hans", ja: "ja" }[language.value];
  });
}
