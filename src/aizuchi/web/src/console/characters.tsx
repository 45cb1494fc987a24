/** The characters: whom there is, and an editor of one's own with a preview of what it makes. */
import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, isObject, Refusal } from "./api";
import { Editor } from "./editor";
import { mayLeave, note } from "./guard";
import type { CharacterFiles, CharacterRow, Preview as Shown, Problem } from "./model";
import { t } from "./texts";

const PAUSE_MS = 400;
const AGAIN_MS = 3000;

interface Conflict {
  readonly yaml: string;
  readonly prompt: string;
  readonly hash: string;
}

const rows = signal<readonly CharacterRow[]>([]);
const open = signal<CharacterFiles | null>(null);
const failure = signal("");

async function list(): Promise<void> {
  rows.value = (await ask<{ characters: CharacterRow[] }>("GET", "/characters")).characters;
}

/** Runs what asks the server, and says in the page's own place why it could not. */
async function trying(work: () => Promise<void>): Promise<void> {
  failure.value = "";
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    failure.value = error.message;
  }
}

async function show(name: string): Promise<void> {
  open.value = await ask<CharacterFiles>("GET", `/characters/${encodeURIComponent(name)}`);
}

export function Characters() {
  useEffect(() => {
    void trying(list);
    // Files change under the server's eyes, too; what is wrong then stays in sight until it is mended.
    const again = setInterval(() => !document.hidden && void list().catch(() => undefined), AGAIN_MS);
    return () => {
      clearInterval(again);
      open.value = null;
    };
  }, []);
  return (
    <>
      <section class="card">
        <h2>{t("characters")}</h2>
        <ul class="people">
          {rows.value.map((row) => (
            <li key={row.name} data-testid="character-row" data-name={row.name}>
              <button
                type="button"
                class="person"
                aria-pressed={open.value?.name === row.name}
                onClick={() => mayLeave() && trying(() => show(row.name))}
              >
                <b>{row.display_name}</b> <code>{row.name}</code> {row.language && <span class="tag">{row.language}</span>}{" "}
                {row.default && <span class="tag good">{t("isDefault")}</span>}{" "}
                {row.packaged && <span class="tag">{t("packaged")}</span>}
                {row.problem && <span class="wrong">{t(row.kept ? "brokenKept" : "broken", { text: row.problem })}</span>}
              </button>
            </li>
          ))}
        </ul>
        {failure.value && <p class="wrong" role="alert">{failure.value}</p>}
        {!open.value && <p class="soft">{t("choose")}</p>}
      </section>
      {open.value && <Character key={open.value.name} files={open.value} />}
    </>
  );
}

function Character({ files }: { readonly files: CharacterFiles }) {
  const yaml = useSignal(files.yaml);
  const prompt = useSignal(files.prompt);
  const hash = useSignal(files.hash);
  const preview = useSignal<Shown>(files.preview);
  const conflict = useSignal<Conflict | null>(null);
  const said = useSignal("");
  const base = useSignal({ yaml: files.yaml, prompt: files.prompt });
  const dirty = yaml.value !== base.value.yaml || prompt.value !== base.value.prompt;

  useEffect(() => {
    note("character", dirty);
    if (dirty) said.value = "";
  }, [dirty]);
  useEffect(() => () => note("character", false), []);
  useEffect(() => {
    if (!dirty) return;
    const timer = setTimeout(
      () =>
        trying(async () => {
          const body = { name: files.name, yaml: yaml.value, prompt: prompt.value };
          preview.value = await ask<Shown>("POST", "/characters/preview", body);
        }),
      PAUSE_MS,
    );
    return () => clearTimeout(timer);
  }, [yaml.value, prompt.value]);

  const save = () =>
    trying(async () => {
      try {
        const body = { yaml: yaml.value, prompt: prompt.value, hash: hash.value };
        const saved = await ask<CharacterFiles>("PUT", `/characters/${encodeURIComponent(files.name)}`, body);
        base.value = { yaml: yaml.value, prompt: prompt.value };
        hash.value = saved.hash;
        preview.value = saved.preview;
        conflict.value = null;
        const all = saved.reloaded !== false && (saved.workers ?? []).every((each) => each.reloaded);
        said.value = all ? t("saved", { name: saved.display_name }) : t("savedPartly");
        await list();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.status === 409 && isObject(error.body["current"])) {
          conflict.value = error.body["current"] as unknown as Conflict;
          hash.value = conflict.value.hash;
        } else if (error.status === 422 && Array.isArray(error.body["problems"])) {
          preview.value = { problems: error.body["problems"] as Problem[] };
        } else throw error;
      }
    });
  const take = (text: Conflict | { yaml: string; prompt: string }) => {
    yaml.value = text.yaml;
    prompt.value = text.prompt;
    base.value = { yaml: text.yaml, prompt: text.prompt };
    conflict.value = null;
  };
  return (
    <section class="card">
      <h2>
        {preview.value.display_name ?? files.display_name} <code class="soft">{files.folder}</code>
      </h2>
      {!files.editable && (
        <p class="soft">{t(files.packaged ? "packaged" : "readOnly")}</p>
      )}
      <Copy source={files.name} />
      <div class="writing">
        <Editor label={t("yaml")} testid="character-yaml" text={yaml} fixed={!files.editable} problems={preview.value.problems} />
        <Editor label={t("prompt")} testid="character-prompt" text={prompt} fixed={!files.editable} />
        <Preview shown={preview.value} />
      </div>
      {conflict.value && (
        <div class="conflict" role="alert" data-testid="character-conflict">
          <p>{t("conflict")}</p>
          <details>
            <summary>{t("theirText")}</summary>
            <pre>{`${conflict.value.yaml}\n---\n${conflict.value.prompt}`}</pre>
          </details>
          <button type="button" class="button" onClick={() => conflict.value && take(conflict.value)}>
            {t("theirs")}
          </button>
          <button type="button" class="button" onClick={save}>
            {t("mine")}
          </button>
        </div>
      )}
      {files.editable && (
        <div class="actions">
          <button type="button" class="button strong" data-testid="character-save" disabled={!dirty || preview.value.problems.length > 0} onClick={save}>
            {t("save")}
          </button>
          {dirty && (
            <button type="button" class="button" onClick={() => take(base.value)}>
              {t("discard")}
            </button>
          )}
          <span role="status" data-testid="character-result">
            {said.value}
          </span>
        </div>
      )}
    </section>
  );
}

function Copy({ source }: { readonly source: string }) {
  const wanted = useSignal(false);
  const name = useSignal("");
  const make = () =>
    trying(async () => {
      const made = await ask<CharacterFiles>("POST", "/characters", { source, name: name.value.trim() });
      await list();
      open.value = made;
    });
  if (!wanted.value) {
    return (
      <button type="button" class="button" data-testid="character-copy" onClick={() => (wanted.value = true)}>
        {t("copy")}
      </button>
    );
  }
  return (
    <form
      class="copy"
      onSubmit={(event) => {
        event.preventDefault();
        if (mayLeave()) void make();
      }}
    >
      <label class="grow">
        {t("copyName")}
        <input
          class="field"
          required
          maxLength={64}
          pattern="[\p{L}\p{N}][\p{L}\p{N}_.\-]*"
          value={name.value}
          data-testid="character-name"
          onInput={(event) => (name.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button strong" data-testid="character-make">
        {t("make")}
      </button>
    </form>
  );
}

function Preview({ shown }: { readonly shown: Shown }) {
  if (shown.problems.length) {
    return (
      <div class="preview" data-testid="character-preview" data-ok="false">
        <h3>{t("problems")}</h3>
        <ul>
          {shown.problems.map((each, index) => (
            <li key={index} class="wrong">
              {each.file && <b>{t("line", { file: each.file, line: each.line })}: </b>}
              {each.text}
            </li>
          ))}
        </ul>
      </div>
    );
  }
  const tags = Object.entries(shown.emotion_tags ?? {}).map(([tag, emotion]) => `${tag} → ${emotion}`);
  const figure = shown.figure && Object.keys(shown.figure).length ? JSON.stringify(shown.figure, null, 1) : "";
  return (
    <div class="preview" data-testid="character-preview" data-ok="true">
      <h3>
        {t("preview")}: {shown.display_name}
      </h3>
      <h4>{t("greeting")}</h4>
      <p>{shown.greeting || <span class="soft">{t("noGreeting")}</span>}</p>
      <h4>{t("emotions")}</h4>
      <p class="tags">
        {[...(shown.emotions ?? []), ...tags].map((each) => (
          <span key={each} class="tag">
            {each}
          </span>
        ))}
      </p>
      <h4>{t("figureSpec")}</h4>
      {figure ? <pre>{figure}</pre> : <p class="soft">{t("drawnFigure")}</p>}
      <details>
        <summary>{t("system")}</summary>
        <pre class="system">{shown.system}</pre>
      </details>
    </div>
  );
}
