import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";

interface Item {
  readonly text: string;
  readonly link?: string;
  readonly items?: Item[];
}

const apiSidebar = join(import.meta.dirname, "../api/typedoc-sidebar.json");
const api: Item[] = existsSync(apiSidebar) ? JSON.parse(readFileSync(apiSidebar, "utf8")) : [];

const page = (text: string, link: string): Item => ({ text, link });

const mechanisms = [
  page("Namespaces", "/mechanisms/namespaces"),
  page("Cgroups", "/mechanisms/cgroups"),
  page("Overlayfs", "/mechanisms/overlayfs"),
  page("Mounts and the root", "/mechanisms/mounts-and-rootfs"),
  page("Capabilities", "/mechanisms/capabilities"),
  page("Seccomp", "/mechanisms/seccomp"),
  page("Layers", "/mechanisms/layers"),
  page("Image store", "/mechanisms/image-store"),
  page("Registries", "/mechanisms/registries"),
  page("Reuse", "/mechanisms/reuse"),
  page("Network", "/mechanisms/network"),
];

const decisions = [
  page("1 · A start is data", "/decisions/0001-a-start-is-data"),
  page("2 · No libc in ctr-init", "/decisions/0002-no-libc-in-ctr-init"),
  page("3 · A monitor per container", "/decisions/0003-a-monitor-per-container"),
  page("4 · The new mount API only", "/decisions/0004-new-mount-api-only"),
  page("5 · nftables only", "/decisions/0005-nftables-only"),
  page("6 · Batches, not worker threads", "/decisions/0006-batches-not-worker-threads"),
];

export default defineConfig({
  title: "ctr",
  description: "A container runtime in TypeScript, made of small packages that are useful alone.",
  cleanUrls: true,
  themeConfig: {
    nav: [
      page("Start", "/start"),
      page("Walk", "/walk"),
      page("Architecture", "/architecture"),
      page("Mechanisms", "/mechanisms/namespaces"),
      page("API", "/api/"),
    ],
    sidebar: [
      {
        text: "Begin",
        items: [
          page("Start", "/start"),
          page("The main job, step by step", "/walk"),
          page("Reading order", "/reading-order"),
        ],
      },
      { text: "How it works", items: [page("Architecture", "/architecture"), page("Errors", "/errors")] },
      { text: "Mechanisms", items: mechanisms },
      { text: "Decisions", collapsed: true, items: decisions },
      { text: "API", collapsed: true, items: api },
    ],
    search: { provider: "local" },
    outline: [2, 3],
  },
});
