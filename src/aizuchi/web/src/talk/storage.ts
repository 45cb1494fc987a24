/** The browser's storage, or a memory in its place: with cookies blocked the mere look at it throws. */
export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export function storage(which: "localStorage" | "sessionStorage"): Store {
  const memory = new Map<string, string>();
  const attempt = <T>(act: (store: Storage) => T, otherwise: () => T): T => {
    try {
      return act(window[which]);
    } catch {
      return otherwise();
    }
  };
  return {
    getItem: (key) => memory.get(key) ?? attempt((store) => store.getItem(key), () => null),
    setItem: (key, value) => attempt((store) => store.setItem(key, value), () => void memory.set(key, value)),
    removeItem: (key) => {
      memory.delete(key);
      attempt((store) => store.removeItem(key), () => undefined);
    },
  };
}
