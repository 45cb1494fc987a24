/** The whole page takes files: dropped anywhere, or pasted. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../shared/icons";
import { attachFiles } from "./composer";
import { useStage, type Surroundings } from "./context";
import { filesOf, route } from "./drops";
import { t } from "./words";

export async function takeFiles(files: readonly File[], { conversation, page }: Surroundings): Promise<void> {
  if (files.length === 0) return;
  const destination = await route(files);
  switch (destination.to) {
    case "pictures":
      return attachFiles(destination.files, conversation, page);
    case "figure":
      page.worn.value = { kind: destination.kind, files: destination.files };
      return;
    case "timeline":
      try {
        const { openSaved } = await import("../timeline");
        page.saved.value = await openSaved([...destination.files]);
        page.timelineOpen.value = true;
      } catch (error) {
        page.tell(t("savedFailed", { reason: error instanceof Error ? error.message : String(error) }), true);
      }
      return;
    case "nowhere":
      return page.tell(t("dropUnknown", { names: destination.names.slice(0, 3).join(", ") }), true);
  }
}

const bringsFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

export function DropZone() {
  const stage = useStage();
  const over = useSignal(false);

  useEffect(() => {
    // `dragenter` and `dragleave` come for every element that is crossed; the depth tells when the page is left.
    let depth = 0;
    const enter = (event: DragEvent) => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      depth += 1;
      over.value = true;
    };
    const move = (event: DragEvent) => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) over.value = false;
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      over.value = false;
      if (!event.dataTransfer || event.dataTransfer.files.length === 0) return;
      event.preventDefault();
      void filesOf(event.dataTransfer).then((files) => takeFiles(files, stage));
    };
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      // Text is pasted as text, also where a picture of it came along.
      if (files.length === 0 || event.clipboardData?.types.includes("text/plain")) return;
      event.preventDefault();
      void takeFiles(files, stage);
    };
    document.addEventListener("dragenter", enter);
    document.addEventListener("dragover", move);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragenter", enter);
      document.removeEventListener("dragover", move);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  }, [stage]);

  if (!over.value) return null;
  return (
    <div class="drop" data-testid="drop" aria-hidden="true">
      <Icon name="picture" />
      <p class="drop-title">{t("dropHere")}</p>
      <p>{t("dropWhat")}</p>
    </div>
  );
}
