/** The text box, always there, and the pictures that go along. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../shared/icons";
import { IconButton } from "../shared/ui";
import type { Conversation } from "../talk/model";
import { MOST_PICTURES, toPicture } from "../talk/pictures";
import { nameOf, useStage, type Page } from "./context";
import { sends } from "./keys";
import { t } from "./words";

/** Turns files into pictures and lets them wait for the next turn. */
export async function attachFiles(files: readonly File[], conversation: Conversation, page: Page): Promise<void> {
  for (const file of files) {
    if (conversation.pictures.peek().length >= MOST_PICTURES) {
      page.tell(t("tooMany", { count: MOST_PICTURES }), true);
      return;
    }
    try {
      conversation.attach(await toPicture(file));
    } catch {
      page.tell(t("notAPicture", { name: file.name }), true);
    }
  }
}

/** Where a finger is the pointer, focus would open the keyboard over half the page. */
const hasKeyboard = () => typeof matchMedia === "function" && matchMedia("(hover: hover) and (pointer: fine)").matches;

export function Composer() {
  const { conversation, page } = useStage();
  const box = useRef<HTMLTextAreaElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const text = useSignal("");
  const pictures = conversation.pictures.value;
  const ready = text.value.trim() !== "" || pictures.length > 0;

  useEffect(() => {
    if (hasKeyboard()) box.current?.focus({ preventScroll: true });
  }, []);

  const grow = () => {
    const element = box.current;
    if (!element || CSS.supports?.("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + 2}px`;
  };
  const send = () => {
    // Without a connection nothing would come of it; what was written stays.
    if (!ready || conversation.connection.peek().status !== "online") return;
    conversation.say(text.peek().trim());
    text.value = "";
    page.writing.value = false;
    if (box.current) box.current.value = "";
    grow();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        if (hasKeyboard()) box.current?.focus();
      }}
    >
      {pictures.length > 0 && (
        <ul class="waiting" aria-label={t("picturesWaiting")}>
          {pictures.map((picture, number) => (
            <li key={picture.url} data-testid="picture">
              <img src={picture.url} alt={t("pictureSent", { number: number + 1 })} />
              <button type="button" class="take-off" aria-label={t("remove", { number: number + 1 })} title={t("remove", { number: number + 1 })} onClick={() => conversation.detach(picture)}>
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div class="write">
        <IconButton icon="picture" label={t("attach")} testid="attach" onClick={() => file.current?.click()} />
        <IconButton icon="camera" label={t("camera")} testid="camera" onClick={() => (page.sheet.value = "camera")} />
        <input
          ref={file}
          type="file"
          data-testid="file"
          class="hidden-text"
          accept="image/*"
          multiple
          tabIndex={-1}
          aria-label={t("attach")}
          onChange={(event) => {
            void attachFiles([...(event.currentTarget.files ?? [])], conversation, page);
            // The same file may be chosen again.
            event.currentTarget.value = "";
          }}
        />
        <textarea
          ref={box}
          data-testid="text-input"
          rows={1}
          enterkeyhint="send"
          aria-label={t("write")}
          placeholder={t("writeTo", { name: nameOf(conversation.character) })}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            page.writing.value = event.currentTarget.value !== "";
            grow();
          }}
          onKeyDown={(event) => {
            if (!sends(event)) return;
            event.preventDefault();
            send();
          }}
          onBlur={() => (page.writing.value = false)}
        />
        <button type="submit" class="button strong round send" data-testid="send" aria-label={t("send")} title={t("send")} disabled={!ready}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
