/** Pictures on their way to the server: JPEG or PNG, at most 1,600 pixels wide or high, and under a megabyte. */
import type { Picture } from "./model";

export const MOST_PICTURES = 4;
const MOST_PIXELS = 1_600;
const MOST_BYTES = 1_000_000;

/** How large it is to be, so that its longer side fits. */
export function fitted(width: number, height: number, most = MOST_PIXELS): { width: number; height: number } {
  const scale = Math.min(1, most / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Rejects for what the browser can't read as a picture. */
export async function toPicture(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file);
  try {
    const { width, height } = fitted(bitmap.width, bitmap.height);
    const fits = width === bitmap.width && file.size <= MOST_BYTES && (await mimeOf(file)) !== null;
    const blob = fits ? file : await drawn(bitmap, width, height);
    const mime = await mimeOf(blob);
    if (!mime) throw new Error("neither JPEG nor PNG");
    return { mime, data: await base64(blob), url: URL.createObjectURL(new Blob([blob], { type: mime })) };
  } finally {
    bitmap.close();
  }
}

/** By its first bytes, as the server looks at it; what a file says of itself may be wrong. */
async function mimeOf(blob: Blob): Promise<Picture["mime"] | null> {
  const [a, b, c, d] = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
  if (a === 0xff && b === 0xd8 && c === 0xff) return "image/jpeg";
  if (a === 0x89 && b === 0x50 && c === 0x4e && d === 0x47) return "image/png";
  return null;
}

async function drawn(bitmap: ImageBitmap, width: number, height: number): Promise<Blob> {
  for (let scale = 1; scale > 0.2; scale *= 0.75) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d");
    if (!context) break;
    // JPEG has no transparency; what shines through is paper, not black.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    if (blob && blob.size <= MOST_BYTES) return blob;
  }
  throw new Error("the picture can't be made small enough");
}

async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
