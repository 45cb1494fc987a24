/**
 * The language of a line, as far as its script tells, so that a screen reader takes the right voice and the browser
 * the right shapes of Han characters. `hint` is the character's language.
 */
export function languageOf(text: string, hint?: string): string | undefined {
  const base = hint?.toLowerCase().split("-")[0];
  if (/[\u3040-\u30ff\u31f0-\u31ff]/.test(text)) return "ja";
  if (/[\uac00-\ud7af\u1100-\u11ff]/.test(text)) return "ko";
  if (/[\u3400-\u9fff]/.test(text)) return base === "ja" ? "ja" : "zh";
  if (/\p{Script=Cyrillic}|\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Thai}|\p{Script=Devanagari}/u.test(text)) {
    return base && !["en", "zh", "ja", "ko"].includes(base) ? base : undefined;
  }
  if (!/\p{Script=Latin}/u.test(text)) return undefined;
  return base && ["zh", "ja", "ko"].includes(base) ? "en" : base;
}
