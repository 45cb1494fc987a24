/** Small parts of both pages. Their looks stand in base.css. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons";

interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly testid?: string;
  readonly onClick: () => void;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly class?: string;
}

/** A round button whose name is spoken and shown on hover, not written. */
export function IconButton({ icon, label, testid, onClick, disabled, pressed, expanded, class: extra }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`button round ${extra ?? "bare"}`}
      aria-label={label}
      title={label}
      data-testid={testid}
      disabled={disabled}
      aria-pressed={pressed}
      aria-expanded={expanded}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface ChoiceProps<Value extends string> {
  readonly name: string;
  readonly legend: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string; readonly icon?: IconName; readonly testid?: string }[];
  readonly onChoose: (value: Value) => void;
}

/** One of a few, side by side. Radio buttons underneath, so arrows and screen readers know it. */
export function Choice<Value extends string>({ name, legend, value, options, onChoose }: ChoiceProps<Value>) {
  return (
    <fieldset class="choice">
      <legend class="hidden-text">{legend}</legend>
      {options.map((option) => (
        <label key={option.value} title={option.label}>
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            aria-label={option.label}
            data-testid={option.testid}
            onChange={() => onChoose(option.value)}
          />
          {option.icon && <Icon name={option.icon} />}
          <span class="choice-label">{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Yes or no, with its words to the left. */
export function Switch(props: { label: string; hint?: string; checked: boolean; testid?: string; onChange: (on: boolean) => void }) {
  return (
    <label class="switch">
      <span>
        {props.label}
        {props.hint && <small class="hint">{props.hint}</small>}
      </span>
      <input
        type="checkbox"
        role="switch"
        checked={props.checked}
        data-testid={props.testid}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
    </label>
  );
}

interface SheetProps {
  readonly title: string;
  readonly closeLabel: string;
  readonly testid?: string;
  readonly class?: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog. The browser keeps the focus inside and closes it at Esc; afterwards the focus is where it was. */
export function Sheet({ title, closeLabel, testid, class: extra, onClose, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element && !element.open) element.showModal();
    return () => {
      element?.close();
      // A dialog that is taken out of the page, as ours is, gives nothing back by itself.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`sheet ${extra ?? ""}`}
      data-testid={testid}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="sheet-inside">
        <header class="sheet-head">
          <h2>{title}</h2>
          <IconButton icon="close" label={closeLabel} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
