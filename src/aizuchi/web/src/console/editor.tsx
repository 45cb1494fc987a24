/** A plain text area that knows lines: numbers beside it, Tab as two blanks, lines with a problem marked. */
import type { Signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Problem } from "./model";

interface Props {
  readonly label: string;
  readonly testid: string;
  readonly text: Signal<string>;
  readonly fixed: boolean;
  readonly problems?: readonly Problem[];
}

export function Editor({ label, testid, text, fixed, problems = [] }: Props) {
  const numbers = useRef<HTMLOListElement>(null);
  const bad = new Set(problems.map((each) => each.line));
  const lines = text.value.split("\n").length;
  return (
    <div class="editor">
      <label for={testid}>{label}</label>
      <div class="sheet-of-lines">
        <ol ref={numbers} aria-hidden="true">
          {Array.from({ length: lines }, (_, index) => (
            <li key={index} class={bad.has(index + 1) ? "bad" : ""} />
          ))}
        </ol>
        <textarea
          id={testid}
          data-testid={testid}
          spellcheck={false}
          autocapitalize="off"
          wrap="off"
          readOnly={fixed}
          aria-invalid={bad.size > 0}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
          onScroll={(event) => {
            if (numbers.current) numbers.current.scrollTop = event.currentTarget.scrollTop;
          }}
          onKeyDown={(event) => {
            // Shift+Tab still leaves, as does Esc and then Tab, so nobody is caught in here.
            const area = event.currentTarget;
            if (event.key === "Escape") area.dataset["leave"] = "1";
            else if (event.key !== "Tab") delete area.dataset["leave"];
            else if (!event.shiftKey && !fixed && !area.dataset["leave"]) {
              event.preventDefault();
              area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
              text.value = area.value;
            }
          }}
        />
      </div>
    </div>
  );
}
