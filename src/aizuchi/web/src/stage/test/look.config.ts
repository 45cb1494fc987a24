import { defineConfig } from "vite";

/** Only for looking; never part of the pages. */
export default defineConfig({
  root: new URL(".", import.meta.url).pathname,
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: { outDir: "../../../dist/look", emptyOutDir: true, target: "es2022", rolldownOptions: { input: "look.html" } },
});
