/** A character's colours and shapes, as `avatar.look` gives them, with ours where it is silent. */
import { light, mix, shade } from "./paint";

export const STYLES = ["bob", "long", "short", "tails"] as const;
export type Style = (typeof STYLES)[number];

const OURS = {
  hair: "#46558f", tips: "#5fb7b4", eyes: "#d98a34", skin: "#ffe3d1", clothes: "#f4efe6", inner: "#39406b", accent: "#ff7a66",
};

export interface Palette {
  readonly style: Style;
  readonly extra: "none" | "glasses" | "headset" | "pin";
  readonly hair: string;
  readonly hairDark: string;
  readonly hairLine: string;
  readonly hairLight: string;
  readonly hairShine: string;
  readonly tips: string;
  readonly eyes: string;
  readonly eyesDark: string;
  readonly eyesLight: string;
  readonly lash: string;
  readonly brow: string;
  readonly skin: string;
  readonly skinShade: string;
  readonly skinDeep: string;
  readonly skinLine: string;
  readonly blush: string;
  readonly lips: string;
  readonly clothes: string;
  readonly clothesShade: string;
  readonly clothesLine: string;
  readonly inner: string;
  readonly innerShade: string;
  readonly accent: string;
  readonly accentDark: string;
  readonly accentLight: string;
}

export function palette(wanted: Readonly<Record<string, string>> = {}): Palette {
  const colour = (key: keyof typeof OURS, otherwise: string = OURS[key]): string =>
    /^#[0-9a-f]{6}$/i.test(wanted[key] ?? "") ? wanted[key]! : otherwise;
  const hair = colour("hair");
  const tips = colour("tips", wanted.hair ? mix(hair, colour("accent"), 0.25) : OURS.tips);
  const skin = colour("skin");
  const eyes = colour("eyes");
  const clothes = colour("clothes");
  const inner = colour("inner", wanted.clothes ? shade(clothes, 0.55) : OURS.inner);
  const accent = colour("accent");
  return {
    style: STYLES.find((each) => each === wanted.style) ?? "bob",
    extra: (["none", "glasses", "headset", "pin"] as const).find((each) => each === wanted.extra) ?? "headset",
    hair, tips,
    hairDark: shade(hair, 0.3), hairLine: shade(hair, 0.58), hairLight: light(hair, 0.22), hairShine: light(hair, 0.5),
    eyes, eyesDark: shade(eyes, 0.62), eyesLight: light(mix(eyes, "#ffe27a", 0.25), 0.35),
    lash: shade(mix(hair, "#241226", 0.72), 0.4), brow: shade(hair, 0.4),
    skin, skinShade: mix(skin, "#d9788a", 0.3), skinDeep: mix(skin, "#b4586f", 0.42), skinLine: mix(skin, "#7a2f3f", 0.62),
    blush: mix(skin, "#ff5f6d", 0.72), lips: mix(skin, "#c2404f", 0.62),
    clothes, clothesShade: mix(clothes, "#6d5f9a", 0.28), clothesLine: shade(mix(clothes, "#6d5f9a", 0.4), 0.38),
    inner, innerShade: shade(inner, 0.35),
    accent, accentDark: shade(accent, 0.35), accentLight: light(accent, 0.4),
  };
}
