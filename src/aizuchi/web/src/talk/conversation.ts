/**
 * The conversation as the page sees it: everything of `model.ts`, put together of the socket, the microphone, the
 * loudspeaker and the transcript. Here is only what needs more than one of them.
 */
import { batch, signal } from "@preact/signals";
import { language } from "../shared/i18n";
import { askCharacters, stranger } from "./characters";
import { Link } from "./connection";
import { Devices } from "./devices";
import { Intake } from "./intake";
import { Introduction } from "./introduction";
import { Journal } from "./journal";
import { Listening } from "./listening";
import { Microphone } from "./microphone";
import type { CharacterInfo, Conversation, Cues, Mode, Picture, Settings, State } from "./model";
import { mouthAt } from "./mouth";
import { noteOf } from "./notes";
import { MOST_PICTURES } from "./pictures";
import type { Position } from "./playout";
import { keepSettings, merged, recallSettings } from "./preferences";
import type { Down, Frame, TimedViseme } from "./protocol";
import { openAtGestures, Speaker } from "./speaker";
import { storage } from "./storage";
import { Transcript } from "./transcript";
import { Visemes } from "./visemes";

/** Over visits, and as long as the tab is open. */
const kept = storage("localStorage");
const passing = storage("sessionStorage");
const PAGE = "aizuchi.page";
const NEUTRAL = { name: "neutral", intensity: 1 } as const;
/** So long a face keeps its expression when the reply is over. */
const COOLING_MS = 4_000;
/** What was typed and not taken up for so long is not waited for any more. */
const AWAITED_MS = 5_000;
/** With these a reply was silenced; what of it still waits to be played is not wanted. */
const SILENCED: ReadonlySet<string> = new Set(["interrupt", "barge_in", "superseded", "lost", "closed"]);

export function createConversation(): Conversation {
  return new Talk();
}

class Talk implements Conversation {
  readonly state = signal<State>("idle");
  readonly awaited = signal(false);
  readonly held = signal(false);
  readonly degraded = signal(false);
  readonly queue = signal<{ position: number; etaMs: number | null } | null>(null);
  readonly speaking = signal<{ line: string; sentence: number; atMs: number } | null>(null);
  readonly emotion = signal<{ name: string; intensity: number }>(NEUTRAL);
  readonly character = signal<CharacterInfo | null>(null);
  readonly characters = signal<readonly CharacterInfo[]>([]);
  readonly pictures = signal<readonly Picture[]>([]);
  readonly settings = signal<Settings>(recallSettings(kept));

  private readonly transcript = new Transcript((pictures) => pictures.forEach(revoke));
  private readonly journal = new Journal();
  private readonly intake = new Intake();
  private readonly visemes = new Visemes();
  private readonly microphone = new Microphone();
  private readonly around = new Devices();
  private readonly introduction = new Introduction(this.microphone, () => this.settings.value, kept, passing);
  private readonly speaker: Speaker;
  private readonly link: Link;
  private readonly listening: Listening;
  private started = false;
  private cooling: ReturnType<typeof setTimeout> | undefined;
  private patience: ReturnType<typeof setTimeout> | undefined;

  readonly lines = this.transcript.lines;
  readonly entries = this.journal.entries;
  readonly mic = this.microphone.status;
  readonly devices = this.around.known;
  readonly connection;
  readonly sound;
  readonly cues: Cues;

  constructor() {
    this.link = new Link(() => this.introduction.wishes(this.mode), {
      message: (message) => batch(() => this.receive(message)),
      sound: (frame) => this.hear(frame),
      welcomed: (_, fresh) => batch(() => this.welcomed(fresh)),
      lost: () => batch(() => this.lost()),
    }, passing);
    this.speaker = new Speaker({ moved: (position) => batch(() => this.moved(position)), tell: (message) => this.link.send(message) });
    this.listening = new Listening(this.microphone, this.link, () => this.mode, () => this.settings.value.microphone);
    this.connection = this.link.status;
    this.sound = this.speaker.status;
    this.cues = {
      level: () => this.speaker.level(),
      mouth: () => this.mouth(),
      userLevel: () => this.microphone.level(),
    };
    language.value = this.settings.value.language;
    this.speaker.loud(this.settings.value.volume);
    void this.speaker.choose(this.settings.value.speaker);
  }

  // -- verbs

  start(): void {
    if (this.started) return;
    this.started = true;
    openAtGestures(this.speaker);
    void this.speaker.open();
    this.around.follow();
    window.addEventListener("pagehide", () => passing.setItem(PAGE, JSON.stringify([this.link.sessionId, this.transcript.save()])));
    if (this.mode === "push") void this.warmIfAllowed();
    this.link.start();
  }

  say(text: string): void {
    const pictures = this.pictures.value;
    if (!text.trim() && pictures.length === 0) return;
    const images = pictures.map(({ mime, data }) => ({ mime, data }));
    if (!this.link.send({ type: "text_input", text, ...(images.length > 0 ? { images } : {}) })) return;
    batch(() => {
      this.transcript.typed(text, pictures);
      this.pictures.value = [];
      this.awaited.value = true;
    });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => (this.awaited.value = false), AWAITED_MS);
  }

  attach(picture: Picture): void {
    const pictures = [...this.pictures.value, picture];
    pictures.splice(0, pictures.length - MOST_PICTURES).forEach(revoke);
    this.pictures.value = pictures;
  }

  detach(picture: Picture): void {
    this.pictures.value = this.pictures.value.filter((each) => each !== picture);
    revoke(picture);
  }

  interrupt(): void {
    const { generations } = this.link;
    generations.silence();
    this.speaker.cut(generations.newest);
    batch(() => {
      this.transcript.interrupt(generations.newest);
      this.held.value = false;
      this.awaited.value = false;
    });
    this.link.send({ type: "interrupt", reason: "user" });
  }

  async openMic(): Promise<void> {
    await this.listening.open();
    this.micOpened();
  }

  closeMic(): void {
    this.listening.close();
  }

  async hold(): Promise<void> {
    // Who presses wants to speak now; what plays is silenced before the first word.
    if (this.state.value === "speaking" || this.state.value === "thinking") this.interrupt();
    await this.listening.hold();
    this.micOpened();
  }

  release(): void {
    this.listening.release();
  }

  choose(wishes: Partial<Settings>): void {
    const before = this.settings.value;
    const after = merged(before, wishes);
    this.settings.value = after;
    keepSettings(kept, after);
    language.value = after.language;
    if (after.volume !== before.volume) this.speaker.loud(after.volume);
    if (after.speaker !== before.speaker) void this.speaker.choose(after.speaker);
    if (after.microphone !== before.microphone) void this.listening.change().then(() => this.micOpened());
    if (after.mode !== before.mode) this.changeMode(after.mode);
    if (after.headphones !== before.headphones) this.sayEcho();
  }

  meet(name: string): void {
    this.introduction.character = name;
    this.speaker.cut(this.link.generations.newest);
    this.link.anew();
  }

  authenticate(token: string): void {
    this.introduction.token = token;
    this.link.retry();
  }

  retry(): void {
    this.link.retry();
  }

  clear(): void {
    this.transcript.clear();
  }

  // -- what comes

  private receive(message: Down): void {
    this.transcript.receive(message);
    switch (message.type) {
      case "hello_ack":
        return this.introduce(message.character);
      case "state_update":
        return this.changed(message);
      case "assistant_text_end":
        if (message.finish_reason === "interrupted") this.speaker.cut(message.of_generation ?? message.generation_id);
        return;
      case "tts_audio_chunk": {
        const sound = this.intake.head(message);
        if (sound) this.speaker.play(sound);
        return;
      }
      case "tts_audio_end":
        return this.speaker.end(message.generation_id);
      case "viseme_timeline":
        return this.visemes.add(this.transcript.lineFor(message), message.sentence_index, message.visemes);
      case "emotion_tag":
        // With sound, an expression comes with its sentence (`moved`).
        if (this.sound.value !== "ready") this.feel(message.emotion, message.intensity);
        return;
      case "playback_pause":
        this.held.value = true;
        return this.speaker.pause();
      case "playback_resume":
        this.held.value = false;
        this.intake.resume(message);
        return this.speaker.resume();
      case "queue_update":
        this.queue.value = message.position > 0 ? { position: message.position, etaMs: message.eta_ms ?? null } : null;
        return;
      case "timeline":
        return this.journal.add(message.entries);
      case "error": {
        if (message.code === "bad_message" && !this.link.online && this.introduction.character) return this.forgetWish();
        this.awaited.value = false;
        const note = noteOf(message.code, message.message);
        if (note) this.transcript.note(note.level, note.text);
        return;
      }
    }
  }

  private hear(frame: Frame): void {
    const sound = this.intake.frame(frame);
    if (sound) this.speaker.play(sound);
  }

  private changed(message: Down & { type: "state_update" }): void {
    const { state, previous, reason } = message;
    if (reason && SILENCED.has(reason)) this.speaker.cut(message.generation_id - 1);
    this.state.value = state;
    this.awaited.value = false;
    this.held.value = reason === "held";
    this.degraded.value = message.degraded === true;
    if (state === "idle" || state === "speaking") this.queue.value = null;
    clearTimeout(this.cooling);
    if (state === "idle" || state === "listening") this.cooling = setTimeout(() => (this.emotion.value = NEUTRAL), COOLING_MS);
    // In `auto`, silence closes the microphone there, and so it does here.
    if (this.mode === "auto" && previous === "listening" && state !== "listening" && this.listening.wants) this.listening.close();
    if (state === "idle") this.sayEcho();
  }

  private welcomed(fresh: boolean): void {
    this.restore();
    if (fresh) {
      this.transcript.anew();
      this.journal.clear();
      this.visemes.clear();
      this.intake.reset();
      this.speaker.reset();
    }
    this.state.value = "idle";
    this.awaited.value = false;
    this.held.value = false;
    this.queue.value = null;
    void this.meetAll();
    this.listening.again();
  }

  /** After a reload that found its session again, the page is what it was. */
  private restore(): void {
    const [session, page] = JSON.parse(passing.getItem(PAGE) ?? "[]") as [string?, string?];
    passing.removeItem(PAGE);
    if (page && session === this.link.sessionId && this.lines.value.length === 0) this.transcript.restore(page);
  }

  private lost(): void {
    this.speaker.cut(this.link.generations.newest);
    this.transcript.lost();
    this.state.value = "idle";
    this.held.value = false;
    this.queue.value = null;
  }

  // -- at the ear

  private moved(position: Position | null): void {
    const line = position && this.transcript.lineOf(position.generation);
    if (!position || !line) {
      this.speaking.value = null;
      return;
    }
    const before = this.speaking.value;
    this.speaking.value = { line, sentence: position.sentence, atMs: position.atMs };
    if (before?.line === line && before.sentence === position.sentence) return;
    const emotion = this.transcript.emotionOf(line, position.sentence);
    if (emotion) this.feel(emotion.name, emotion.intensity);
  }

  private mouth(): ReturnType<Cues["mouth"]> {
    const position = this.speaker.now();
    const line = position && this.transcript.lineOf(position.generation);
    if (!position || !line) return null;
    const shapes: readonly TimedViseme[] | null = this.visemes.of(line, position.sentence);
    return shapes && mouthAt(shapes, position.atMs);
  }

  private feel(name: string, intensity: number): void {
    clearTimeout(this.cooling);
    this.emotion.value = { name, intensity };
  }

  // -- who comes, and how

  private get mode(): Mode {
    return this.settings.value.mode;
  }

  /** Only a hello can say it, so one is said again; not in the middle of something. */
  private sayEcho(): void {
    if (this.state.value === "idle" && this.introduction.outdated) this.link.refresh();
  }

  private micOpened(): void {
    if (!this.microphone.open) return;
    void this.around.look();
    this.introduction.learn();
    this.sayEcho();
  }

  private changeMode(mode: Mode): void {
    const open = this.microphone.open;
    this.listening.close();
    if (mode === "push") void this.listening.warm().then(() => this.micOpened());
    else if (open) void this.openMic();
  }

  /** Holding loses no syllable with a microphone that is open already; nobody is asked for it at the door, though. */
  private async warmIfAllowed(): Promise<void> {
    if (!(await this.around.allowed()) || this.mode !== "push") return;
    await this.listening.warm();
    this.micOpened();
  }

  /** The character that was asked for is gone; whoever is there will do. */
  private forgetWish(): void {
    this.introduction.character = "";
    this.link.retry();
  }

  private async meetAll(): Promise<void> {
    const characters = await askCharacters(this.introduction.token);
    if (characters.length > 0) this.characters.value = characters;
    if (this.character.value) this.introduce(this.character.value.name);
  }

  private introduce(name: string): void {
    this.character.value = this.characters.value.find((each) => each.name === name) ?? stranger(name);
  }
}

function revoke(picture: Picture): void {
  URL.revokeObjectURL(picture.url);
}
