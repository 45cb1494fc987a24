/** Everything that can be chosen. Each choice holds at once; there is nothing to confirm. */
import { useComputed, useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Icon } from "../shared/icons";
import { Choice, Sheet, Switch } from "../shared/ui";
import { described } from "../talk/characters";
import type { Settings as Chosen } from "../talk/model";
import { saveConversation } from "./captions";
import { nameOf, useStage } from "./context";
import { takeFiles } from "./drop-zone";
import { t } from "./sheet-words";
import { t as common } from "./words";

const LANGUAGE_NAMES = { en: "English", zh: "中文", ja: "日本語" } as const;

export default function Settings() {
  const { conversation, page } = useStage();
  const settings = conversation.settings.value;
  const devices = conversation.devices.value;
  const name = nameOf(conversation.character);
  const characters = conversation.characters.value;
  const about = described(conversation.character.value, settings.language);
  const canSave = useComputed(() => conversation.lines.value.length > 0).value;
  const model = useRef<HTMLInputElement>(null);
  const address = useSignal(page.worn.peek()?.url ?? "");
  const choose = (wish: Partial<Chosen>) => conversation.choose(wish);
  const hints = {
    continuous: t("handsFreeHint", { name }),
    auto: t("oneTurnHint"),
    push: common("holdModeHint"),
  };

  return (
    <Sheet title={common("settings")} closeLabel={common("close")} testid="settings-sheet" class="settings" onClose={() => (page.sheet.value = null)}>
      <Part title={t("talking")}>
        <Choice
          name="settings-mode"
          legend={common("mode")}
          value={settings.mode}
          options={[
            { value: "continuous", label: common("handsFree") },
            { value: "auto", label: t("oneTurn") },
            { value: "push", label: common("holdMode") },
          ]}
          onChoose={(mode) => choose({ mode })}
        />
        <p class="hint">{hints[settings.mode]}</p>
        <Devices label={t("microphone")} testid="microphone" value={settings.microphone} devices={devices.inputs} onChoose={(microphone) => choose({ microphone })} />
        {/* Browsers without a choice of speakers list none. */}
        <Devices label={t("speaker")} testid="speaker" value={settings.speaker} devices={devices.outputs} onChoose={(speaker) => choose({ speaker })} />
        <Labelled label={t("volume")}>
          {(id) => <input id={id} type="range" class="range" min={0} max={1} step={0.05} value={settings.volume} onInput={(event) => choose({ volume: event.currentTarget.valueAsNumber })} />}
        </Labelled>
        <Switch label={t("headphones")} hint={t("headphonesHint")} checked={settings.headphones} testid="headphones" onChange={(headphones) => choose({ headphones })} />
      </Part>
      <Part title={t("look")}>
        <Labelled label={t("language")}>
          {(id) => (
            <select id={id} class="field" data-testid="language" value={settings.language} onChange={(event) => choose({ language: event.currentTarget.value as Chosen["language"] })}>
              {Object.entries(LANGUAGE_NAMES).map(([code, own]) => (
                <option key={code} value={code} lang={code}>
                  {own}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <Labelled label={t("theme")}>
          {(id) => (
            <select id={id} class="field" data-testid="theme" value={settings.theme} onChange={(event) => choose({ theme: event.currentTarget.value as Chosen["theme"] })}>
              <option value="auto">{t("themeAuto")}</option>
              <option value="light">{t("themeLight")}</option>
              <option value="dark">{t("themeDark")}</option>
            </select>
          )}
        </Labelled>
        <Switch label={t("subtitles")} hint={t("subtitlesHint")} checked={settings.subtitles} testid="subtitles" onChange={(subtitles) => choose({ subtitles })} />
        <Switch label={t("showThoughts")} hint={t("showThoughtsHint")} checked={settings.thoughts} testid="thoughts" onChange={(thoughts) => choose({ thoughts })} />
      </Part>
      <Part title={t("whom")}>
        <Labelled label={t("whom")} hint={characters.length > 1 ? t("whomHint") : undefined} hideLabel>
          {(id) => (
            <select id={id} class="field" data-testid="character" value={conversation.character.value?.name ?? ""} onChange={(event) => conversation.meet(event.currentTarget.value)}>
              {characters.length === 0 && <option value={conversation.character.value?.name ?? ""}>{name}</option>}
              {characters.map((each) => (
                <option key={each.name} value={each.name}>
                  {each.displayName}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        {about && (
          <p class="hint" data-testid="about-character" lang={settings.language}>
            {about}
          </p>
        )}
        <p class="hint">
          <strong>{t("wear")}</strong> {t("wearHint")}
        </p>
        <div class="sheet-row">
          <input
            ref={model}
            type="file"
            class="hidden-text"
            tabIndex={-1}
            aria-label={t("wearChoose")}
            accept=".vrm,.zip,.json"
            multiple
            onChange={(event) => void takeFiles([...(event.currentTarget.files ?? [])], { conversation, page })}
          />
          <button type="button" class="button" onClick={() => model.current?.click()}>
            {t("wearChoose")}
          </button>
          {page.worn.value && (
            <button type="button" class="button" onClick={() => (page.worn.value = null)}>
              {t("wearOwn", { name })}
            </button>
          )}
        </div>
        <form
          class="sheet-row"
          onSubmit={(event) => {
            event.preventDefault();
            const url = address.value.trim();
            if (url) page.worn.value = { kind: /\.model3\.json(\?|$)/i.test(url) ? "live2d" : "vrm", url };
          }}
        >
          <input
            type="text"
            inputMode="url"
            class="field"
            data-testid="figure-url"
            aria-label={t("wearAddress")}
            placeholder={t("wearAddress")}
            value={address.value}
            onInput={(event) => (address.value = event.currentTarget.value)}
          />
          <button type="submit" class="button" disabled={!address.value.trim()}>
            {t("wearFetch")}
          </button>
        </form>
      </Part>
      <Part title={common("keep")}>
        <div class="sheet-row">
          <button type="button" class="button" disabled={!canSave} onClick={() => saveConversation(conversation, "txt")}>
            <Icon name="save" />
            {t("asText")}
          </button>
          <button type="button" class="button" disabled={!canSave} onClick={() => saveConversation(conversation, "md")}>
            <Icon name="save" />
            {t("asMarkdown")}
          </button>
        </div>
        <p>
          <a class="link" href="/console" data-testid="console-link">
            {t("console")}
          </a>
        </p>
      </Part>
    </Sheet>
  );
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Labelled({ label, hint, hideLabel, children }: { label: string; hint?: string | undefined; hideLabel?: boolean; children: (id: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class={`labelled ${hideLabel ? "alone" : ""}`}>
      <label for={id} class={hideLabel ? "hidden-text" : ""}>
        {label}
      </label>
      {children(id)}
      {hint && <p class="hint">{hint}</p>}
    </div>
  );
}

interface DevicesProps {
  readonly label: string;
  readonly testid: string;
  readonly value: string;
  readonly devices: readonly MediaDeviceInfo[];
  readonly onChoose: (id: string) => void;
}

/** Until the microphone was allowed once, browsers tell neither names nor identities; then only the default is offered. */
function Devices({ label, testid, value, devices, onChoose }: DevicesProps) {
  const known = devices.filter((each) => each.deviceId && each.deviceId !== "default");
  const there = value === "" || known.some((each) => each.deviceId === value);
  return (
    <Labelled label={label}>
      {(id) => (
        <select id={id} class="field" data-testid={testid} value={there ? value : ""} onChange={(event) => onChoose(event.currentTarget.value)}>
          <option value="">{t("systemDefault")}</option>
          {known.map((each, number) => (
            <option key={each.deviceId} value={each.deviceId}>
              {each.label || t("device", { number: number + 1 })}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}
