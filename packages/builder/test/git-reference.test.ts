import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isBuilderError } from "../src/builder-error.ts";
import { type GitReference, parseGitReference, withoutPassword } from "../src/git-reference.ts";
import { nameOfAnswer, nameOfUrl, parseRemoteSource } from "../src/remote-source.ts";

const plain: GitReference = {
  remote: "https://example.com/a.git",
  credentials: undefined,
  ref: undefined,
  checksum: undefined,
  subdir: "",
  keepGitDir: undefined,
  submodules: true,
};
const commit = "0123456789abcdef0123456789abcdef01234567";

describe("repositories", () => {
  const cases: readonly { readonly text: string; readonly is: Partial<GitReference>; readonly why: string }[] = [
    { text: "https://example.com/a.git", is: {}, why: "its head" },
    { text: "https://example.com/a.git#main", is: { ref: "main" }, why: "a branch or a tag" },
    { text: "https://example.com/a.git#v1:b/c", is: { ref: "v1", subdir: "b/c" }, why: "a directory of it" },
    { text: "https://example.com/a.git#:b", is: { subdir: "b" }, why: "a directory of its head" },
    { text: "https://example.com/a.git?branch=x", is: { ref: "refs/heads/x" }, why: "a branch and nothing else" },
    { text: "https://example.com/a.git?tag=v1", is: { ref: "refs/tags/v1" }, why: "a tag and nothing else" },
    {
      text: "https://example.com/a.git?ref=v1&subdir=/b&checksum=0123456&keep-git-dir=1&submodules=false",
      is: { ref: "v1", subdir: "/b", checksum: "0123456", keepGitDir: true, submodules: false },
      why: "all of the query",
    },
    {
      text: `https://example.com/a.git?commit=${commit}`,
      is: { ref: commit, checksum: commit },
      why: "a commit alone",
    },
    { text: "https://example.com/a.git?keep-git-dir", is: { keepGitDir: true }, why: "a switch needs no value" },
    { text: "https://u:p%40@example.com/a.git", is: { credentials: "u:p@" }, why: "a password goes another way" },
    { text: "git@example.com:a/b", is: { remote: "git@example.com:a/b" }, why: "as scp has it" },
    { text: "ssh://git@example.com:22/a", is: { remote: "ssh://git@example.com:22/a" }, why: "over ssh" },
    { text: "git://example.com/a#x", is: { remote: "git://example.com/a", ref: "x" }, why: "git's own protocol" },
  ];
  for (const { text, is, why } of cases)
    test(`${text}: ${why}`, () => expect(parseGitReference(text)).toEqual({ ...plain, ...is }));

  const others = [
    { text: "https://example.com/a", why: "a file, as far as anybody knows" },
    { text: "https://example.com/a.git/", why: "not the end of the path" },
    { text: "https://example.com/a.git.bar", why: "nor this" },
    { text: "./a.git", why: "a path" },
    { text: "a.git", why: "a path" },
    { text: "file:///a.git", why: "files of this machine are no repository (CVE-2022-39253)" },
    { text: "ext::sh -c id", why: "nor is a program" },
    { text: "ssh://-oProxyCommand=id/a", why: "an option of ssh (CVE-2017-1000117)" },
    { text: "git@-oProxyCommand=id:a", why: "the same as scp has it" },
    { text: "--upload-pack=id", why: "an option of git" },
    { text: "user@host://x", why: "neither form" },
  ];
  for (const { text, why } of others) test(`${text}: ${why}`, () => expect(parseGitReference(text)).toBeUndefined());

  const wrong = [
    { text: "https://example.com/a.git#-x", is: /invalid ref/, why: "an option of git (CVE-2019-13139)" },
    { text: "https://example.com/a.git#--upload-pack=id", is: /invalid ref/, why: "another one" },
    { text: "https://example.com/a.git#a..b", is: /invalid ref/, why: "a range" },
    { text: "https://example.com/a.git?ref=a%20b", is: /invalid ref/, why: "a blank" },
    { text: "https://example.com/a.git?ref=+x:y", is: /invalid ref/, why: "a refspec" },
    { text: "https://example.com/a.git?what=x", is: /unexpected query "what"/, why: "nothing known" },
    { text: "https://example.com/a.git?ref=a&ref=b", is: /"ref" has multiple values/, why: "which one?" },
    { text: "https://example.com/a.git?ref=a#b", is: /ref conflicts: "b" vs "a"/, why: "two refs" },
    { text: "https://example.com/a.git?tag=a&branch=b", is: /branch conflicts with tag/, why: "two kinds" },
    { text: "https://example.com/a.git?subdir=", is: /"subdir" has no value/, why: "no value" },
    { text: "https://example.com/a.git?checksum=xyz", is: /invalid checksum/, why: "no digits" },
    { text: "https://example.com/a.git?keep-git-dir=maybe", is: /invalid keep-git-dir/, why: "no switch" },
  ];
  for (const { text, is, why } of wrong)
    test(`${text}: ${why}`, () => expect(() => parseGitReference(text)).toThrow(is));

  test("whatever is written, what git is given is no option and no password", () => {
    const text = fc.oneof(
      fc.string(),
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc.string().map((rest) => `https://u:secret@example.com/a.git#${rest}`),
      fc.string().map((rest) => `https://example.com/a.git?ref=${rest}`),
    );
    fc.assert(
      fc.property(text, (input) => {
        let git: GitReference | undefined;
        try {
          git = parseGitReference(input);
        } catch (error) {
          return isBuilderError(error) && !error.message.includes("secret");
        }
        if (git === undefined) return true;
        return !git.remote.startsWith("-") && !git.remote.includes("secret") && !git.ref?.startsWith("-");
      }),
    );
  });
});

describe("sources of ADD", () => {
  const place = { file: "Dockerfile", line: 1, column: 1 };
  const none = { checksum: undefined, keepGitDir: undefined };
  test("paths of the context are none, addresses are", () => {
    expect(parseRemoteSource("http", none, place)).toBeUndefined();
    expect(parseRemoteSource("a.git", none, place)).toBeUndefined();
    expect(parseRemoteSource("https://example.com/a.tar", none, place)).toMatchObject({ kind: "url" });
    expect(parseRemoteSource("HTTPS://example.com/a.git#main", none, place)).toMatchObject({ kind: "git" });
  });

  const wrong = [
    { source: "file:///etc/shadow", flags: none, is: /only http, https and git/, why: "this machine's files" },
    { source: "ftp://example.com/x", flags: none, is: /only http, https and git/, why: "no such protocol" },
    {
      source: "https://example.com/x",
      flags: { ...none, checksum: "md5:1" },
      is: /invalid checksum digest format/,
      why: "one algorithm is enough",
    },
    {
      source: "https://example.com/x.git",
      flags: { ...none, checksum: "sha256:00" },
      is: /invalid checksum/,
      why: "a commit was meant",
    },
    {
      source: "https://example.com/x.git?keep-git-dir=0",
      flags: { ...none, keepGitDir: true },
      is: /inconsistent keep-git-dir/,
      why: "flag and address disagree",
    },
    {
      source: "https://example.com/x.git?checksum=1234567",
      flags: { ...none, checksum: "7654321" },
      is: /checksum mismatch "7654321" != "1234567"/,
      why: "the same of the checksum",
    },
  ];
  for (const { source, flags, is, why } of wrong)
    test(`${source} is refused: ${why}`, () => expect(() => parseRemoteSource(source, flags, place)).toThrow(is));

  const names = [
    { url: "https://example.com/a/b.txt?x=y#z", is: "b.txt", why: "the last part of the path" },
    { url: "https://example.com/a/", is: undefined, why: "there is none" },
    { url: "https://example.com", is: undefined, why: "nor here" },
    { url: "https://example.com/a%20b", is: "a b", why: "decoded" },
    { url: "https://example.com/a%2F..%2Fb", is: undefined, why: "a name has no slash" },
    { url: "https://example.com/x/%00", is: undefined, why: "nor a NUL" },
  ];
  for (const { url, is, why } of names)
    test(`${url} is called ${is}: ${why}`, () => expect(nameOfUrl(new URL(url))).toBe(is));

  const answers = [
    { header: "attachment; filename=a.txt", is: "a.txt", why: "as it is" },
    { header: 'attachment; filename="a b"', is: "a b", why: "in quotes" },
    { header: 'attachment; filename="../../etc/passwd"', is: "passwd", why: "a path is no name" },
    { header: 'attachment; filename=".."', is: undefined, why: "nor is this" },
    { header: "inline", is: undefined, why: "there is none" },
    { header: undefined, is: undefined, why: "no header" },
  ];
  for (const { header, is, why } of answers) test(`${header}: ${why}`, () => expect(nameOfAnswer(header)).toBe(is));

  test("nobody is shown a password", () => {
    expect(withoutPassword("fetch https://u:p@example.com/a failed")).toBe("fetch https://xxxxx@example.com/a failed");
    expect(withoutPassword("git@example.com:a")).toBe("git@example.com:a");
  });
});
