/** The configuration as a form made from what the server says of each key. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { language } from "../shared/i18n";
import { ask, isObject, Refusal } from "./api";
import { Row } from "./field";
import { gathered, matches, sections, written, type Drafts } from "./form";
import { note } from "./guard";
import type { Changed, Configuration, Field, FieldError } from "./model";
import { t } from "./texts";

const said = signal<Configuration | null>(null);
const drafts = signal<Drafts>({});
const errors = signal<Readonly<Record<string, string>>>({});
const query = signal("");
const onlySet = signal(false);
const saving = signal(false);
const outcome = signal<Outcome | null>(null);

type Outcome =
  | { readonly kind: "saved"; readonly changed: Changed }
  | { readonly kind: "failed"; readonly text: string; readonly others: readonly FieldError[] }
  | { readonly kind: "conflict"; readonly mine: Readonly<Record<string, unknown>> };

async function load(): Promise<void> {
  try {
    said.value = await ask<Configuration>("GET", "/config");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    outcome.value = { kind: "failed", text: error.message, others: [] };
  }
}

function draft(path: string, value: string | null | undefined): void {
  const { [path]: _, ...rest } = drafts.value;
  drafts.value = value === undefined ? rest : { ...rest, [path]: value };
  const { [path]: __, ...left } = errors.value;
  errors.value = left;
}

function reset(): void {
  drafts.value = {};
  errors.value = {};
}

async function save(): Promise<void> {
  const now = said.value;
  if (!now) return;
  const { changes, wrong } = gathered(now.fields, drafts.value);
  if (Object.keys(wrong).length) {
    errors.value = Object.fromEntries(Object.entries(wrong).map(([path, why]) => [path, t(why)]));
    outcome.value = { kind: "failed", text: t("configWrong"), others: [] };
    reveal();
    return;
  }
  saving.value = true;
  try {
    const changed = await ask<Changed>("PATCH", "/config", { hash: now.hash, changes });
    said.value = changed;
    reset();
    outcome.value = { kind: "saved", changed };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refused(error, now, changes);
  } finally {
    saving.value = false;
  }
}

function refused(error: Refusal, now: Configuration, changes: Readonly<Record<string, unknown>>): void {
  const current = error.body["current"];
  if (error.status === 409 && isObject(current)) {
    said.value = current as unknown as Configuration;
    outcome.value = { kind: "conflict", mine: changes };
    return;
  }
  const list = Array.isArray(error.body["errors"]) ? (error.body["errors"] as FieldError[]) : [];
  const known = new Set(now.fields.map((each) => each.path));
  // `server.listen.0` belongs to the field `server.listen`.
  const own = (path: string): string => (known.has(path) || !path.includes(".") ? path : own(path.slice(0, path.lastIndexOf("."))));
  const placed = list.map((each) => ({ path: own(each.path), text: each.text }));
  errors.value = Object.fromEntries(placed.map((each) => [each.path, each.text]));
  outcome.value = { kind: "failed", text: error.message || t("offline"), others: placed.filter((each) => !known.has(each.path)) };
  reveal();
}

/** Brings the first wrong field into view, once it is drawn as one. */
function reveal(): void {
  requestAnimationFrame(() => document.querySelector(".config-field [role=alert]")?.scrollIntoView({ block: "center" }));
}

export function Config() {
  useEffect(() => {
    void load();
  }, [language.value]);
  useEffect(
    () => () => {
      reset();
      note("config", false);
      outcome.value = null;
    },
    [],
  );
  const now = said.value;
  const { changes, wrong } = gathered(now?.fields ?? [], drafts.value);
  const count = Object.keys(changes).length + Object.keys(wrong).length;
  useEffect(() => note("config", count > 0), [count]);
  if (!now) return outcome.value ? <Result outcome={outcome.value} /> : <p class="soft">{t("connecting")}</p>;
  const shown = now.fields.filter(
    (each) => matches(each, query.value) && (!onlySet.value || each.source !== "default" || each.path in drafts.value),
  );
  return (
    <form
      class="config"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <div class="config-head card">
        <p class="soft">
          {t(now.hash ? "configFile" : "noFile", { file: now.file })}
        </p>
        {now.problem && <p class="wrong" role="alert">{t("fileBroken", { text: now.problem })}</p>}
        <div class="find">
          <label class="grow">
            <span class="hidden-text">{t("search")}</span>
            <input
              class="field"
              type="search"
              placeholder={t("search")}
              data-testid="config-search"
              value={query.value}
              onInput={(event) => (query.value = event.currentTarget.value)}
            />
          </label>
          <label class="check">
            <input type="checkbox" checked={onlySet.value} onChange={(event) => (onlySet.value = event.currentTarget.checked)} /> {t("onlySet")}
          </label>
        </div>
      </div>
      {shown.length === 0 && <p class="soft pad">{t("nothingFound")}</p>}
      {sections(shown).map(([name, fields]) => (
        <Section key={name} name={name} fields={fields} />
      ))}
      <div class="save-bar">
        {outcome.value && <Result outcome={outcome.value} />}
        <div class="actions">
          <button type="submit" class="button strong" data-testid="config-save" disabled={!count || saving.value || !!now.problem}>
            {saving.value ? t("saving") : count ? t("saveCount", { count }) : t("save")}
          </button>
          {count > 0 && (
            <button type="button" class="button" onClick={reset}>
              {t("discard")}
            </button>
          )}
        </div>
      </div>
    </form>
  );
}

function Section({ name, fields }: { readonly name: string; readonly fields: readonly Field[] }) {
  return (
    <section class="card">
      <h2>{name || t("top")}</h2>
      {fields.map((field) => (
        <Row
          key={field.path}
          field={field}
          draft={drafts.value[field.path]}
          error={errors.value[field.path]}
          change={(value) => draft(field.path, value)}
        />
      ))}
    </section>
  );
}

function Result({ outcome }: { readonly outcome: Outcome }) {
  return (
    <div class="result" role="status" data-testid="config-result" data-kind={outcome.kind}>
      {outcome.kind === "saved" && (
        <>
          <p>{t("configSaved")}</p>
          <ul>
            {outcome.changed.results.map((each) => (
              <li key={each.path} data-path={each.path} data-applied={each.applied}>
                <code>{each.path}</code> <span class={`tag ${each.applied === "restart" ? "warn" : "good"}`}>{t(each.applied)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {outcome.kind === "failed" && (
        <>
          <p class="wrong">{outcome.text}</p>
          {outcome.others.map((each) => (
            <p key={each.path} class="wrong">
              {each.path && <code>{each.path}</code>} {each.text}
            </p>
          ))}
        </>
      )}
      {outcome.kind === "conflict" && <Conflict mine={outcome.mine} />}
    </div>
  );
}

function Conflict({ mine }: { readonly mine: Readonly<Record<string, unknown>> }) {
  const fields = said.value?.fields.filter((each) => each.path in mine) ?? [];
  return (
    <>
      <p class="wrong">{t("conflict")}</p>
      <ul>
        {fields.map((each) => (
          <li key={each.path}>
            <code>{each.path}</code> {t("inFile", { value: written(each, each.value) || t("nothing") })} ·{" "}
            {t("yours", { value: each.type === "secret" ? "…" : mine[each.path] === null ? t("reset") : written(each, mine[each.path]) })}
          </li>
        ))}
      </ul>
      <button
        type="button"
        class="button"
        onClick={() => {
          reset();
          outcome.value = null;
        }}
      >
        {t("theirs")}
      </button>{" "}
      <button type="button" class="button" onClick={save}>
        {t("mine")}
      </button>
    </>
  );
}
