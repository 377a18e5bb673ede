import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the pages of a server that runs beside it.
const server = process.env.STEPWELL_ENDPOINT ?? "http://127.0.0.1:8083";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: "../src/stepwell/api/console/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 2000,
    license: { fileName: "licenses.md" },
  },
  server: {
    proxy: { "/console/api": server, "^/$": { target: server, bypass: (request) => (request.method === "GET" ? request.url : null) } },
  },
  // Most tests are tables on pure parts; those that need a page say so.
  test: { environment: "node" },
});
