/**
 * Three languages, one table a part: `const t = texts({ stop: ["Stop", "停止", "止める"] })`, then `t("stop")`.
 * A text is a signal's reader: a component that calls it is drawn again when the language changes.
 */
import { signal } from "@preact/signals";

export type Language = "en" | "zh" | "ja";
export const LANGUAGES: readonly Language[] = ["en", "zh", "ja"];

/** The browser's wish, as far as we speak it. */
export function preferred(wishes: readonly string[] = navigator.languages): Language {
  for (const wish of wishes) {
    const found = LANGUAGES.find((each) => wish.toLowerCase().startsWith(each));
    if (found) return found;
  }
  return "en";
}

export const language = signal<Language>("en");

type Said = readonly [en: string, zh: string, ja: string];

/** `{name}` in a text is filled from `values`. */
export function texts<Key extends string>(table: Readonly<Record<Key, Said>>) {
  return (key: Key, values: Readonly<Record<string, string | number>> = {}): string =>
    table[key][LANGUAGES.indexOf(language.value)]!.replace(/\{(\w+)\}/g, (whole, name: string) =>
      name in values ? String(values[name]) : whole,
    );
}
