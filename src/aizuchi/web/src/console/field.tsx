/** One key: its meaning, an input of its kind, where the value comes from and when a change takes effect. */
import type { ComponentChildren } from "preact";
import { dirty, shown, written } from "./form";
import type { Field } from "./model";
import { t } from "./texts";

interface Props {
  readonly field: Field;
  /** What stands in the input; null: back to the default; undefined: untouched. */
  readonly draft: string | null | undefined;
  readonly error: string | undefined;
  readonly change: (draft: string | null | undefined) => void;
}

export function Row({ field, draft, error, change }: Props) {
  const changed = dirty(field, draft);
  const id = `field-${field.path}`;
  const about = `${id}-about`;
  const resettable = field.editable && field.source === "file" && draft === undefined;
  return (
    <div class={changed ? "config-field changed" : "config-field"} data-testid="config-field" data-path={field.path} data-source={field.source}>
      <div class="config-name">
        <label for={id}>
          <code>{field.path}</code>
        </label>{" "}
        {field.provider && <span class="tag">{field.provider}</span>} {changed && <span class="tag warn">{t("changed")}</span>}{" "}
        {field.pending && <span class="tag warn">{t("pending")}</span>}
        <p class="soft" id={about}>
          {field.about.replaceAll("`", "")}
        </p>
      </div>
      <div class="config-value">
        {draft === null ? <p class="soft">{t("willReset")}</p> : <Input id={id} about={about} field={field} text={draft ?? shown(field)} wrong={!!error} change={change} />}
        {error && (
          <p class="wrong" role="alert">
            {error}
          </p>
        )}
        <p class="soft small-print">
          <Source field={field} />
          {draft !== undefined && (
            <button type="button" class="link" onClick={() => change(undefined)}>
              {t("undo")}
            </button>
          )}
          {resettable && (
            <button type="button" class="link" onClick={() => change(null)}>
              {t("reset")}
            </button>
          )}
        </p>
      </div>
    </div>
  );
}

function Source({ field }: { readonly field: Field }) {
  const parts: string[] = [];
  if (field.source === "environment") parts.push(t("fromEnvironment", { name: field.variable ?? "" }));
  if (field.source === "file") parts.push(t("fromFile"));
  if (field.expression !== undefined && field.type !== "secret") parts.push(t("effective", { value: written(field, field.value) || t("nothing") }));
  if (field.type !== "secret" && field.type !== "secrets") parts.push(t("defaultIs", { value: brief(written(field, field.default)) || t("nothing") }));
  parts.push(field.editable ? t(field.applies) : field.source === "environment" ? "" : t("fixed"));
  return <span>{parts.filter(Boolean).join(" · ")}</span>;
}

function brief(text: string): string {
  const line = text.replaceAll("\n", ", ");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

interface InputProps {
  readonly id: string;
  readonly about: string;
  readonly field: Field;
  readonly text: string;
  readonly wrong: boolean;
  readonly change: (draft: string) => void;
}

function Input({ id, about, field, text, wrong, change }: InputProps) {
  const common = { id, "aria-describedby": about, "aria-invalid": wrong, disabled: !field.editable, class: "field" };
  if (field.type === "secrets" || (field.type === "secret" && !field.editable)) {
    return <input {...common} value={field.value === "set" ? t("isSet").split(/[;；。]/)[0] : t("notSet")} readOnly />;
  }
  if (text.includes("${")) return <input {...common} value={text} spellcheck={false} onInput={(event) => change(event.currentTarget.value)} />;
  switch (field.type) {
    case "bool":
      return <input {...common} class="" type="checkbox" checked={text === "true"} onChange={(event) => change(String(event.currentTarget.checked))} />;
    case "choice":
      return (
        <select {...common} value={text} onChange={(event) => change(event.currentTarget.value)}>
          {(field.options ?? []).map((each) => (
            <option key={each} value={each}>
              {each || t("nothing")}
            </option>
          ))}
        </select>
      );
    case "chain":
      return <Chain {...common} field={field} text={text} change={change} />;
    case "list":
    case "map": {
      const rows = Math.min(8, Math.max(2, text.split("\n").length));
      return (
        <Hinted hint={t(field.type === "list" ? "onePerLine" : "json")}>
          <textarea {...common} class="field mono" rows={rows} spellcheck={false} value={text} onInput={(event) => change(event.currentTarget.value)} />
        </Hinted>
      );
    }
    case "secret":
      return (
        <input
          {...common}
          type="password"
          autocomplete="off"
          placeholder={field.expression ?? (field.value === "set" ? t("isSet") : t("notSet"))}
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
        />
      );
    default:
      return (
        <input
          {...common}
          inputMode={field.type === "int" ? "numeric" : field.type === "float" ? "decimal" : "text"}
          placeholder={field.optional ? t("nothing") : ""}
          spellcheck={false}
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
        />
      );
  }
}

function Hinted({ hint, children }: { readonly hint: string; readonly children: ComponentChildren }) {
  return (
    <>
      {children}
      <small class="soft">{hint}</small>
    </>
  );
}

/** Providers in the order in which they are tried. */
function Chain({ id, field, text, change, disabled }: Pick<InputProps, "id" | "field" | "text" | "change"> & { readonly disabled: boolean }) {
  const names = text.split("\n").filter(Boolean);
  const put = (next: readonly string[]) => change(next.join("\n"));
  return (
    <div class="chain">
      <ol>
        {names.map((name, index) => (
          <li key={`${index}${name}`}>
            <b>{name}</b>
            <button
              type="button"
              class="button bare round"
              aria-label={t("up", { name })}
              title={t("up", { name })}
              disabled={disabled || index === 0}
              onClick={() => put(names.with(index - 1, name).with(index, names[index - 1]!))}
            >
              ↑
            </button>
            <button
              type="button"
              class="button bare round"
              aria-label={t("remove", { name })}
              title={t("remove", { name })}
              disabled={disabled}
              onClick={() => put(names.toSpliced(index, 1))}
            >
              ×
            </button>
          </li>
        ))}
      </ol>
      <select
        id={id}
        class="field"
        disabled={disabled}
        value=""
        onChange={(event) => {
          if (event.currentTarget.value) put([...names, event.currentTarget.value]);
          event.currentTarget.value = "";
        }}
      >
        <option value="">{t("add")} …</option>
        {(field.options ?? []).map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </div>
  );
}
