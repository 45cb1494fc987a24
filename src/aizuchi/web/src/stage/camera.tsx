/** A look through the camera, and one frame of it for the next turn. The camera is off again when this closes. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../shared/icons";
import { Sheet } from "../shared/ui";
import { attachFiles } from "./composer";
import { useStage } from "./context";
import { t } from "./sheet-words";
import { t as common } from "./words";

/** The frame that is seen now, unmirrored, as a file like any other. */
async function frameOf(video: HTMLVideoElement): Promise<File | null> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  return blob && new File([blob], "camera.jpg", { type: blob.type });
}

export default function Camera() {
  const { conversation, page } = useStage();
  const video = useRef<HTMLVideoElement>(null);
  const facing = useSignal<"user" | "environment">("environment");
  const status = useSignal<"waiting" | "on" | "refused">("waiting");
  const several = useSignal(false);
  const wanted = facing.value;

  useEffect(() => {
    let stream: MediaStream | null = null;
    let gone = false;
    status.value = "waiting";
    const open = async () => {
      if (!navigator.mediaDevices) throw new Error("no secure origin");
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: wanted, width: { ideal: 1280 } } });
      if (gone) return opened.getTracks().forEach((track) => track.stop());
      stream = opened;
      if (video.current) video.current.srcObject = opened;
      status.value = "on";
      several.value = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === "videoinput").length > 1;
    };
    open().catch(() => (status.value = "refused"));
    return () => {
      gone = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, [wanted]);

  const close = () => (page.sheet.value = null);
  const shoot = async () => {
    const frame = video.current && (await frameOf(video.current));
    if (frame) await attachFiles([frame], conversation, page);
    close();
  };

  return (
    <Sheet title={t("cameraTitle")} closeLabel={common("close")} testid="camera-sheet" class="camera" onClose={close}>
      <div class="finder">
        <video ref={video} autoplay playsInline muted class={wanted === "user" ? "mirrored" : ""} />
        {status.value !== "on" && <p role="status">{t(status.value === "waiting" ? "cameraWaiting" : "cameraRefused")}</p>}
      </div>
      <div class="sheet-row">
        {several.value && (
          <button type="button" class="button" onClick={() => (facing.value = wanted === "user" ? "environment" : "user")}>
            <Icon name="flip" />
            {t("otherCamera")}
          </button>
        )}
        <button type="button" class="button strong" data-testid="shoot" disabled={status.value !== "on"} onClick={() => void shoot()}>
          <Icon name="camera" />
          {t("shoot")}
        </button>
      </div>
    </Sheet>
  );
}
