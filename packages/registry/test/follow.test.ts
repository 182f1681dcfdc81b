// A server for reading over a directory that somebody else keeps.
import { chmod, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { expect, test } from "vitest";
import { collect, MemorySink, makeImage, memorySource, pullInto, temporaryDirectory } from "./images.ts";

const one = makeImage({ seed: 1, sizes: [1000] });
const two = makeImage({ seed: 2, sizes: [1000] });
const refName = "org.opencontainers.image.ref.name";

/** A layout of both images under these names. */
async function layout(path: string, names: readonly (readonly [string, typeof one])[]): Promise<void> {
  await using server = await openRegistryServer({ directory: path });
  await using registry = openRegistry({ host: server.host });
  for (const image of [one, two])
    await collect(
      pushImage({ registry, repository: "x", reference: "1", root: image.root, source: memorySource(image.bytes) }),
    );
  await server.close();
  await writeNames(path, names);
}

/** Replace index.json in one step, as a store does. */
async function writeNames(path: string, names: readonly (readonly [string, typeof one])[]): Promise<void> {
  const manifests = names.map(([name, { root }]) => ({ ...root, annotations: { [refName]: name } }));
  await writeFile(join(path, "index.new"), JSON.stringify({ schemaVersion: 2, manifests }));
  await rename(join(path, "index.new"), join(path, "index.json"));
}

const served: readonly { readonly name: string; readonly as: readonly string[]; readonly why: string }[] = [
  { name: "docker.io/library/app:1", as: ["docker.io/library/app", "library/app", "app"], why: "Docker Hub's own" },
  { name: "docker.io/team/app:1", as: ["docker.io/team/app", "team/app"], why: "of Docker Hub" },
  { name: "ghcr.io/a/b:1", as: ["ghcr.io/a/b", "a/b"], why: "of another registry" },
  { name: "127.0.0.1:5000/a/b:1", as: ["a/b"], why: "a port cannot be part of a repository" },
  { name: "app:1", as: ["app", "library/app"], why: "no domain" },
  { name: `docker.io/library/app@${one.root.digest}`, as: [], why: "a digest is no tag" },
  { name: "../../etc:1", as: [], why: "a path" },
  { name: "A/b:1", as: ["b"], why: "upper case is a domain to Docker" },
];
for (const { name, as, why } of served)
  test(`${name.slice(0, 40)}: ${why}`, async () => {
    await using directory = await temporaryDirectory();
    await layout(directory.path, [[name, one]]);
    await using server = await openRegistryServer({ directory: directory.path, readOnly: true });
    await using registry = openRegistry({ host: server.host });
    for (const repository of as) {
      expect(await collect(registry.tags({ repository }))).toEqual(["1"]);
      const done = await pullInto(new MemorySink(), { registry, repository, reference: "1" });
      expect(done.root.digest).toBe(one.root.digest);
    }
    for (const repository of ["etc", "library/none"])
      await expect(collect(registry.tags({ repository }))).rejects.toMatchObject({ code: "ERR_REGISTRY_NOT_FOUND" });
  });

test("of two images with one path the first keeps it; both have their own names", async () => {
  await using directory = await temporaryDirectory();
  await layout(directory.path, [
    ["ghcr.io/a/b:1", one],
    ["quay.io/a/b:1", two],
  ]);
  await using server = await openRegistryServer({ directory: directory.path, readOnly: true });
  await using registry = openRegistry({ host: server.host });
  const digestOf = async (repository: string) =>
    (await registry.resolve({ repository, reference: "1" })).descriptor.digest;
  expect(await Promise.all(["a/b", "ghcr.io/a/b", "quay.io/a/b"].map(digestOf))).toEqual([
    one.root.digest,
    one.root.digest,
    two.root.digest,
  ]);
});

test("a new index is seen with the next request, and nothing is written", async () => {
  await using directory = await temporaryDirectory();
  await layout(directory.path, [["app:1", one]]);
  await rm(join(directory.path, "uploads"), { recursive: true });
  await chmod(directory.path, 0o500);
  const files = async () => (await readdir(directory.path, { recursive: true })).toSorted();
  const before = await files();
  await using server = await openRegistryServer({ directory: directory.path, readOnly: true });
  await using registry = openRegistry({ host: server.host });
  const tags = () => collect(registry.tags({ repository: "app" }));
  expect(await tags()).toEqual(["1"]);
  await expect(
    collect(
      pushImage({ registry, repository: "app", reference: "2", root: two.root, source: memorySource(two.bytes) }),
    ),
  ).rejects.toMatchObject({ status: 405 });
  expect(await files()).toEqual(before);
  await chmod(directory.path, 0o700);
  await writeNames(directory.path, [
    ["app:1", one],
    ["app:2", two],
  ]);
  expect(await tags()).toEqual(["1", "2"]);
  // One that cannot be read leaves what was known.
  await writeFile(join(directory.path, "index.json"), "{");
  expect(await tags()).toEqual(["1", "2"]);
  expect(await readFile(join(directory.path, "index.json"), "utf8")).toBe("{");
});

test("a directory that is no layout is refused", async () => {
  await using directory = await temporaryDirectory();
  await expect(openRegistryServer({ directory: directory.path, readOnly: true })).rejects.toThrow(/oci-layout/);
  expect(await readdir(directory.path)).toEqual([]);
});
