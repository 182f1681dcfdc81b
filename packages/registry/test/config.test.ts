import { chmod, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { credentialsFromConfig, login, logout } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./images.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const cases = [
  {
    host: "r.example",
    auths: { "r.example": { auth: base64("a:b:c") } },
    is: { username: "a", password: "b:c" },
    why: "a colon in the password",
  },
  {
    host: "r.example",
    auths: { "https://r.example/v1/": { auth: base64("a:b") } },
    is: { username: "a", password: "b" },
    why: "an old spelling of the key",
  },
  {
    host: "r.example",
    auths: { "r.example": { auth: base64("a:old") }, "https://r.example": { auth: base64("a:b") } },
    is: { username: "a", password: "old" },
    why: "the exact key wins",
  },
  {
    host: "docker.io",
    auths: { "https://index.docker.io/v1/": { auth: base64("a:b") } },
    is: { username: "a", password: "b" },
    why: "Docker Hub",
  },
  {
    host: "r.example",
    auths: { "r.example": { identitytoken: "t", auth: base64("a:") } },
    is: { identityToken: "t" },
    why: "an identity token",
  },
  { host: "r.example", auths: { "r.example": {} }, is: undefined, why: "an empty entry, as helpers leave it" },
  {
    host: "r.example",
    auths: { "evil-r.example": { auth: base64("a:b") } },
    is: undefined,
    why: "another host with a like name",
  },
  { host: "r.example:5000", auths: { "r.example": { auth: base64("a:b") } }, is: undefined, why: "another port" },
] as const;
for (const { host, auths, is, why } of cases)
  test(`config.json: ${why}`, async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "config.json");
    await writeFile(path, JSON.stringify({ auths }));
    expect(await credentialsFromConfig(path)(host)).toEqual(is);
  });

test("config.json: none is empty, and a bad one is refused without quoting it", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "config.json");
  expect(await credentialsFromConfig(path)("r.example")).toBeUndefined();
  for (const text of [
    "{",
    "[]",
    '{"auths":{},"auths":{}}',
    '{"__proto__":{}}',
    '{"auths":{"r.example":{"auth":"c2VjcmV0"}}}',
  ]) {
    await writeFile(path, text);
    const error = await credentialsFromConfig(path)("r.example").catch((it: unknown) => it);
    expect(error).toMatchObject({ name: "RegistryError", code: "ERR_REGISTRY_CREDENTIALS" });
    expect(String(error)).not.toContain("secret");
  }
});

test("login keeps what the registry took, for the owner's eyes only, and logout forgets it", async () => {
  await using directory = await temporaryDirectory();
  const users = new Map([["ann", "pw"]]);
  await using server = await openRegistryServer({
    directory: join(directory.path, "store"),
    access: { kind: "bearer", users },
  });
  await mkdir(join(directory.path, "dotfiles"));
  const real = join(directory.path, "dotfiles", "config.json");
  const configPath = join(directory.path, "config.json");
  await writeFile(real, '{"auths":{"other.example":{"auth":"eDp5"}},"detachKeys":"ctrl-a"}');
  await chmod(real, 0o644);
  await symlink(real, configPath);
  const o = { host: server.host, configPath };

  await expect(login({ ...o, username: "ann", password: "no" })).rejects.toMatchObject({ code: "ERR_REGISTRY_DENIED" });
  expect(await credentialsFromConfig(configPath)(server.host)).toBeUndefined();
  await login({ ...o, username: "ann", password: "pw" });
  expect(await credentialsFromConfig(configPath)(server.host)).toEqual({ username: "ann", password: "pw" });
  expect((await stat(real)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(real, "utf8"))).toMatchObject({
    detachKeys: "ctrl-a",
    auths: { "other.example": { auth: "eDp5" } },
  });

  expect(await logout(o)).toBe(true);
  expect(await logout(o)).toBe(false);
  expect(JSON.parse(await readFile(configPath, "utf8"))).toEqual({
    auths: { "other.example": { auth: "eDp5" } },
    detachKeys: "ctrl-a",
  });
});

test("a helper gets the secret through standard input, never as an argument", async () => {
  await using directory = await temporaryDirectory();
  const script = `#!/bin/sh
echo "$@" >> ${directory.path}/arguments
case "$1" in
  get) read server; [ -f ${directory.path}/kept ] || { echo "credentials not found in native keychain"; exit 1; }; cat ${directory.path}/kept ;;
  store) cat > ${directory.path}/kept ;;
  erase) rm -f ${directory.path}/kept ;;
esac
`;
  await writeFile(join(directory.path, "docker-credential-test"), script, { mode: 0o755 });
  const configPath = join(directory.path, "config.json");
  await using server = await openRegistryServer({
    directory: join(directory.path, "store"),
    access: { kind: "basic", users: new Map([["ann", "pw-1"]]) },
  });
  await writeFile(configPath, JSON.stringify({ credHelpers: { [server.host]: "test" } }));
  const path = process.env.PATH;
  process.env.PATH = `${directory.path}${delimiter}${path}`;
  try {
    expect(await credentialsFromConfig(configPath)(server.host)).toBeUndefined();
    await login({ host: server.host, username: "ann", password: "pw-1", configPath });
    expect(await credentialsFromConfig(configPath)(server.host)).toEqual({ username: "ann", password: "pw-1" });
    await logout({ host: server.host, configPath });
    expect(await credentialsFromConfig(configPath)(server.host)).toBeUndefined();
    expect((await readFile(join(directory.path, "arguments"), "utf8")).trim().split("\n")).toEqual([
      "get",
      "store",
      "get",
      "erase",
      "get",
    ]);
    expect(await readFile(configPath, "utf8")).not.toContain("pw-1");
    await writeFile(configPath, JSON.stringify({ credsStore: "../../bin/sh" }));
    await expect(credentialsFromConfig(configPath)("r.example")).rejects.toMatchObject({
      code: "ERR_REGISTRY_CREDENTIALS",
    });
  } finally {
    process.env.PATH = path;
  }
});
