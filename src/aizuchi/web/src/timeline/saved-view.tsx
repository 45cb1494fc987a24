/** A saved conversation: what was said, all turns, and a player for both. */
import { effect } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { language } from "../shared/i18n";
import { Compare } from "./compare";
import { clips } from "./clips";
import type { Figures } from "./figures";
import { Overview } from "./overview";
import { Player } from "./player";
import type { SavedTimeline } from "./saved";
import { clock } from "./scale";
import { Tracks } from "./sounding";
import { type Said, textAt, transcript } from "./transcript";
import { Folding } from "./turns";
import { Legend, Turns, WindowChoice, useWidth } from "./turns-view";
import { Fillings } from "./waterfall";
import { type Key, t } from "./words";

/** Seconds that are played beyond the last sound. */
const AFTER = 1;
const SPEEDS = [1, 2] as const;

export function SavedTimelineView(props: { saved: SavedTimeline }) {
  // What was dropped may hold several conversations; the choice ends with another drop.
  const [chosen, setChosen] = useState<{ from: SavedTimeline; saved: SavedTimeline } | null>(null);
  const saved = chosen?.from === props.saved ? chosen.saved : props.saved;
  const names = [saved.name, ...saved.others.map((each) => each.name)].sort();
  const choose = async (name: string) => {
    const other = saved.others.find((each) => each.name === name);
    if (other) setChosen({ from: props.saved, saved: await other.open() });
  };
  return (
    <section class="tl tl-saved" data-testid="saved-timeline" data-problem={saved.problem ?? ""} aria-label={t("saved_title")}>
      {names.length > 1 && (
        <label class="tl-which">
          {t("which")}
          <select value={saved.name} onChange={(event) => void choose(event.currentTarget.value)}>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      {saved.problem ? (
        <p class="tl-problem" role="alert">
          {t(`problem_${saved.problem}` as Key, { name: saved.name })}
        </p>
      ) : (
        <Conversation key={saved.name + saved.session} saved={saved} />
      )}
    </section>
  );
}

function Conversation(props: { saved: SavedTimeline }) {
  const { saved } = props;
  const { turns, lines, length, player, sounds } = useRecording(saved);
  const { ref, width } = useWidth();
  const [whole, setWhole] = useState(true);
  const playFrom = (at: number) => {
    player.seek(Math.max(0, at));
    player.play();
  };
  const place = player.position.value;
  const current = player.touched.value ? (turns.findLast((turn) => start(turn) <= place)?.turn ?? null) : null;
  return (
    <>
      <Fillings />
      <header class="tl-title">
        <p class="tl-soft">{[saved.person, when(saved.began), saved.name].filter(Boolean).join(" · ")}</p>
        <Remarks saved={saved} />
      </header>
      <div class="tl-player">
        <Controls player={player} length={length} turns={turns} width={width} lines={lines} />
        {!sounds && <p class="tl-soft">{`${t("silent")} ${saved.remarks.includes("sound_missing") ? t("drop_wavs") : ""}`}</p>}
      </div>
      <div class="tl-measure" ref={ref} />
      <div class="tl-columns">
        <Lines lines={lines} player={player} onPlay={playFrom} />
        <section class="tl-turns" aria-label={t("waterfall")}>
          {turns.length === 0 ? (
            <p class="tl-soft">{t("no_turns")}</p>
          ) : (
            <Waterfalls turns={turns} whole={whole} setWhole={setWhole} current={current} onPlay={playFrom} />
          )}
        </section>
      </div>
    </>
  );
}

function Waterfalls(props: { turns: readonly Figures[]; whole: boolean; setWhole(whole: boolean): void; current: number | null; onPlay(at: number): void }) {
  const { ref, width } = useWidth();
  const now = props.turns.at(-1)?.begun ?? 0;
  return (
    <>
      <div class="tl-measure" ref={ref} />
      <div class="tl-bar-of-controls">
        <h3>{t("waterfall")}</h3>
        <WindowChoice whole={props.whole} onChange={props.setWhole} />
        <Legend />
      </div>
      <Turns turns={props.turns} now={now} width={width} whole={props.whole} page={50} current={props.current} onPlay={props.onPlay} />
      <Compare turns={props.turns} width={width} />
    </>
  );
}

function useRecording(saved: SavedTimeline) {
  const made = useMemo(() => {
    const folding = new Folding(Infinity);
    for (const entry of saved.entries) folding.read(entry);
    const { turns } = folding;
    // A turn whose end was not recorded ended with the recording.
    for (const turn of turns) turn.ended ??= folding.now;
    const stretches = clips(saved.entries, turns);
    const lines = transcript(saved.entries, turns);
    const ends = [...stretches.map((clip) => clip.at + clip.ms / 1000), ...turns.map((turn) => turn.ended ?? 0), ...lines.map((line) => line.at)];
    // A session may stay open long after its last word.
    const length = Math.min(folding.now, AFTER + ends.reduce((most, at) => Math.max(most, at), 0));
    const sounds = saved.sound.user !== null || saved.sound.reply !== null;
    const player = new Player(length, sounds ? new Tracks(stretches, saved.sound) : null);
    return { turns, lines, length, player, sounds };
  }, [saved]);
  useEffect(() => () => made.player.close(), [made]);
  return made;
}

function Controls(props: { player: Player; length: number; turns: readonly Figures[]; lines: readonly Said[]; width: number }) {
  const { player, length } = props;
  const at = player.position.value;
  const playing = player.playing.value;
  const told = t("position_text", { at: clock(at), length: clock(length) });
  return (
    <>
      <button type="button" class="tl-button tl-start" data-testid="saved-play" aria-pressed={playing} aria-label={t(playing ? "pause" : "play")} onClick={() => player.toggle()}>
        <svg width="18" height="18" viewBox="0 0 14 14" aria-hidden="true">
          <path d={playing ? "M3 1.5h3v11H3zM8.5 1.5h3v11h-3z" : "M3 1.5v11l9-5.5z"} fill="currentColor" />
        </svg>
      </button>
      <div class="tl-track">
        <Overview turns={props.turns} length={length} />
        <input
          type="range"
          min="0"
          max={length}
          step="0.01"
          value={at}
          aria-label={t("position")}
          aria-valuetext={told}
          onInput={(event) => player.seek(Number(event.currentTarget.value))}
        />
      </div>
      <span class="tl-clock">{`${clock(at)} / ${clock(length)}`}</span>
      <div class="tl-choice" role="group" aria-label={t("speed", { rate: "" }).trim()}>
        {SPEEDS.map((rate) => (
          <button type="button" key={rate} aria-pressed={player.rate.value === rate} aria-label={t("speed", { rate })} onClick={() => player.hurry(rate)}>
            {`${rate}×`}
          </button>
        ))}
      </div>
    </>
  );
}

/** The conversation. While it plays, a line appears when it was said; what is still to come keeps its room. */
function Lines(props: { lines: readonly Said[]; player: Player; onPlay(at: number): void }) {
  const { lines, player } = props;
  const list = useRef<HTMLOListElement>(null);
  const touched = player.touched.value;
  const at = touched ? player.position.value : Infinity;
  const texts = lines.map((line) => textAt(line, at));
  const last = texts.findLastIndex((text) => text !== null);
  useEffect(
    () =>
      effect(() => {
        if (!player.playing.value) return;
        const line = list.current?.children[last];
        if (line && list.current) follow(list.current, line as HTMLElement);
      }),
    [last, player],
  );
  return (
    <section class="tl-lines" aria-label={t("conversation")}>
      <h3>{t("conversation")}</h3>
      <ol ref={list} tabIndex={0} aria-label={t("conversation")}>
        {lines.map((line, index) => {
          const text = texts[index] ?? null;
          const whole = textAt(line, Infinity) ?? "";
          return (
            <li key={index} class={`tl-line tl-by-${line.who}${text === null ? " tl-future" : ""}`} aria-current={touched && index === last ? "true" : undefined}>
              <button type="button" class="tl-when" onClick={() => props.onPlay(line.at)} aria-label={`${t("play_from")}: ${clock(line.at)}`}>
                {clock(line.at)}
              </button>
              <span class="tl-who">{t(line.who === "user" ? "you" : line.who)}</span>
              <span class="tl-text">
                {text ?? whole}
                {line.interrupted && text === whole && <em class="tl-badge tl-bad">{t("was_interrupted")}</em>}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function follow(list: HTMLElement, line: HTMLElement): void {
  const [top, bottom] = [line.offsetTop - list.offsetTop, line.offsetTop - list.offsetTop + line.offsetHeight];
  if (bottom > list.scrollTop + list.clientHeight || top < list.scrollTop) list.scrollTop = bottom - list.clientHeight * 0.7;
}

function Remarks(props: { saved: SavedTimeline }) {
  const { saved } = props;
  const told = [
    ...(saved.broken ? [t("lines_broken", { count: saved.broken })] : []),
    ...(saved.dropped ? [t("entries_dropped", { count: saved.dropped })] : []),
    ...saved.remarks.filter((each) => each !== "sound_missing").map((each) => t(each as Key)),
  ];
  if (!told.length) return null;
  return <p class="tl-remark">{told.join(" ")}</p>;
}

function start(turn: Figures): number {
  return turn.speechOnset ?? turn.userEnd ?? turn.begun;
}

function when(began: string): string {
  const date = new Date(began);
  if (!began || Number.isNaN(date.getTime())) return "";
  return date.toLocaleString(language.value, { dateStyle: "medium", timeStyle: "short" });
}
