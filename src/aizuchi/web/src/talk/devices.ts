/** The microphones and loudspeakers there are. Their names are told only after a microphone was allowed once. */
import { signal } from "@preact/signals";
import type { Conversation } from "./model";

export class Devices {
  readonly known = signal<Conversation["devices"]["value"]>({ inputs: [], outputs: [] });

  follow(): void {
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.look());
    void this.look();
  }

  async look(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    this.known.value = {
      inputs: all.filter((each) => each.kind === "audioinput"),
      outputs: all.filter((each) => each.kind === "audiooutput"),
    };
  }

  /** Whether the microphone may be opened without a question. */
  async allowed(): Promise<boolean> {
    const name = "microphone" as PermissionName;
    const answer = await navigator.permissions?.query({ name }).catch(() => null);
    return answer?.state === "granted";
  }
}
