import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "@ctr/kernel";
import type { Mount } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import { describe, expect, onTestFinished, test } from "vitest";
import { type MountInfo, mountSteps, mountTable, parseTmpfs, parseVolume, volumeMount } from "../src/index.ts";

const notRoot = process.getuid?.() !== 0;
const because = { option: "test", why: "the kernel's table is read" };

/** What the kernel shows below a rootfs when `mounts` were made in it, in a mount namespace that is gone afterwards. */
async function tableOf(
  mounts: readonly { readonly mount: Mount; readonly file?: boolean }[],
  directory: string,
): Promise<MountInfo[]> {
  const rootfs = join(directory, "rootfs");
  mkdirSync(rootfs);
  let table: MountInfo[] = [];
  const steps: Step[] = [
    { do: "setMount", in: "host", target: "/", recursive: true, set: [], clear: [], propagation: "private", because },
    { do: "enterRootfs", path: rootfs, because },
    ...mounts.flatMap(({ mount, file }) => mountSteps({ mount, because, sourceIsFile: file ?? false })),
    { do: "barrier", name: "look", because },
    { do: "exec", argv: ["/bin/true"], env: [], because },
  ];
  const child = await start({
    steps,
    namespaces: ["mount"],
    barriers: {
      look: (pid) => {
        table = mountTable(pid);
      },
    },
  });
  await child.ended();
  return table
    .filter(({ target }) => target.startsWith(`${rootfs}/`))
    .map((line) => ({ ...line, target: line.target.slice(rootfs.length) }));
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "ctr-mounts-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe.skipIf(notRoot)("what the kernel then shows", () => {
  test("a tmpfs with its size, mode and flags", async () => {
    const [line, ...rest] = await tableOf([{ mount: parseTmpfs("/run/x:size=64k,mode=750") }], temporaryDirectory());
    expect(rest).toEqual([]);
    expect(line).toMatchObject({ target: "/run/x", type: "tmpfs" });
    for (const option of ["nosuid", "nodev", "noexec"]) expect(line!.options).toContain(option);
    for (const option of ["size=64k", "mode=750"]) expect(line!.superOptions).toContain(option);
  });

  test("a volume, writable and read-only; a file onto a file; names with spaces", async () => {
    const directory = temporaryDirectory();
    const source = join(directory, "a source");
    mkdirSync(source);
    writeFileSync(join(source, "file"), "");
    const table = await tableOf(
      [
        { mount: volumeMount(parseVolume("x:/rw"), source) },
        { mount: volumeMount(parseVolume("x:/r o:ro"), source) },
        { mount: volumeMount(parseVolume("x:/etc/one:ro"), join(source, "file")), file: true },
      ],
      directory,
    );
    expect(table.map(({ target, options }) => [target, options[0]])).toEqual([
      ["/rw", "rw"],
      ["/r o", "ro"],
      ["/etc/one", "ro"],
    ]);
    expect(table.every(({ tags }) => tags.length === 0)).toBe(true); // private
    expect(table[0]!.root.endsWith("/a source")).toBe(true);
  });

  test("flags of the top alone stay there, recursive ones reach what is mounted below", async () => {
    const mounts: Mount[] = [
      { destination: "/a", type: "tmpfs" },
      { destination: "/a/below", type: "tmpfs" },
    ];
    const directory = temporaryDirectory();
    const inside = join(directory, "rootfs");
    const table = await tableOf(
      [
        ...mounts.map((mount) => ({ mount })),
        { mount: { destination: "/top", source: join(inside, "a"), options: ["rbind", "ro"] } },
        { mount: { destination: "/all", source: join(inside, "a"), options: ["rbind", "rro", "rslave"] } },
      ],
      directory,
    );
    const optionOf = (path: string): string | undefined => table.find(({ target }) => target === path)?.options[0];
    expect(["/top", "/top/below", "/all", "/all/below"].map(optionOf)).toEqual(["ro", "rw", "ro", "ro"]);
    expect(table.find(({ target }) => target === "/a")?.options[0]).toBe("rw"); // the source stays as it was
  });
});
