import { defineConfig } from "vite";

/** Two pages, the stage and the console. Everything is served below /web/, from our own server only. */
export default defineConfig({
  base: "/web/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    target: "es2022",
    manifest: true,
    // Nothing is inlined: the pages' policy allows scripts and images from files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "console.html"] },
  },
  server: {
    // The tests replay the protocol's own transcripts.
    fs: { allow: [".", "../../../tests/wire/transcripts"] },
    proxy: {
      "/digital-human": { target: "ws://127.0.0.1:12393", ws: true },
      "/api": "http://127.0.0.1:12393",
    },
  },
});
