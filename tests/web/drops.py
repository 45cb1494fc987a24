"""Files that are dropped onto a page, as by a hand from another window."""

import base64
import mimetypes
from collections.abc import Mapping

from playwright.sync_api import Page

_DROP = """
async (files) => {
  const carried = new DataTransfer();
  for (const { name, type, data } of files) {
    const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type }));
  }
  const target = document.elementFromPoint(innerWidth / 2, innerHeight / 3) ?? document.body;
  const event = { bubbles: true, cancelable: true, composed: true, dataTransfer: carried };
  const tell = (kind) => target.dispatchEvent(new DragEvent(kind, event));
  tell("dragenter");
  tell("dragover");
  // The page draws what it has noticed a moment later.
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  const over = document.querySelector("[data-testid=drop]") !== null;
  tell("drop");
  return over;
}
"""


def drop(page: Page, files: Mapping[str, bytes]) -> bool:
    """Drag them over the page and let go; whether the page showed that it takes them."""
    told = [
        {
            "name": name,
            "type": mimetypes.guess_type(name)[0] or "",
            "data": base64.b64encode(data).decode(),
        }
        for name, data in files.items()
    ]
    return bool(page.evaluate(_DROP, told))
