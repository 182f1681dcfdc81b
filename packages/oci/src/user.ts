import { quote } from "./json.ts";
import { OciError } from "./oci-error.ts";

/** What `-u` and `USER` say. A string is a name that the image's files must know, a number is an id. */
export interface UserSpec {
  readonly user: string | number;
  readonly group?: string | number;
}

/** The credentials of a container's process, ready for config.json. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one first: without it a file that denies the group would let the process in (CVE-2022-36109). */
  readonly additionalGids: readonly number[];
  /** Absolute; `/` when the image does not say. */
  readonly home: string;
  /** The name in the image's passwd file, if the uid has one. */
  readonly name?: string;
}

/** (uid_t) -1 means "no change" to setresuid(2), so it is no id. */
const maxId = 2 ** 32 - 2;
const maxNameLength = 256; // LOGIN_NAME_MAX of <linux/limits.h>
const maxFileLength = 8 * 1024 * 1024;
const maxPasswdLine = 64 * 1024;
const maxGroupLine = 1024 * 1024;
const maxGroups = 65_536; // NGROUPS_MAX of <linux/limits.h>

/**
 * Read `user[:group]`. A string of digits is always an id and never looked up as a name (CVE-2016-3697),
 * and an id out of range is refused, not wrapped (CVE-2024-40635). Empty is root.
 *
 * @throws {OciError} `ERR_OCI_USER`
 */
export function parseUser(text: string): UserSpec {
  const [user = "", group, ...more] = text.split(":", 3);
  if (more.length > 0) throw wrong(text, "more than one colon");
  const id = user === "" ? 0 : nameOrId(user, text);
  return group === undefined || group === "" ? { user: id } : { user: id, group: nameOrId(group, text) };
}

function nameOrId(text: string, whole: string): string | number {
  if (/^[0-9]+$/.test(text)) {
    const id = parseId(text);
    if (id === undefined) throw wrong(whole, `ids go from 0 to ${maxId}`);
    return id;
  }
  // Other readers take a sign for part of a number.
  if (/^[+-]/.test(text)) throw wrong(whole, "a name cannot start with a sign");
  if (text.length > maxNameLength) throw wrong(whole, `longer than ${maxNameLength} characters`);
  if (/[\u0000-\u0020\u007f,/]/.test(text))
    throw wrong(whole, "it holds white space, a control character, a comma or a slash");
  return text;
}

function parseId(text: string): number | undefined {
  const id = /^[0-9]{1,20}$/.test(text) ? Number(text) : Number.NaN;
  return id <= maxId ? id : undefined;
}

function wrong(text: string, why: string): OciError {
  return new OciError("ERR_OCI_USER", `invalid user ${quote(text)}: ${why}`);
}

/**
 * Find the credentials for a user string in an image's own files, by Docker's rules: the first entry
 * wins; an id needs no entry, a name does; an explicit group replaces the supplementary ones.
 *
 * @param o.user  As `parseUser` takes it.
 * @param o.passwd  Text of the image's /etc/passwd, empty if it has none. Read it in-root, as a regular file.
 * @param o.group  Text of the image's /etc/group, empty if it has none.
 * @param o.groupAdd  More groups, by name or id (`--group-add`).
 * @throws {OciError} `ERR_OCI_USER_NOT_FOUND`; `ERR_OCI_USER` for a bad string, or a file or line beyond its limit
 * @see passwd(5), group(5)
 */
export function lookupUser(o: {
  readonly user: string;
  readonly passwd: string;
  readonly group: string;
  readonly groupAdd?: readonly string[];
}): ResolvedUser {
  const spec = parseUser(o.user);
  const groups = readGroups(o.group);
  const entry = readUsers(o.passwd).find(
    (user) => (typeof spec.user === "number" ? user.uid : user.name) === spec.user,
  );
  if (entry === undefined && typeof spec.user === "string")
    throw new OciError(
      "ERR_OCI_USER_NOT_FOUND",
      `unable to find user ${spec.user}: no matching entries in passwd file`,
    );

  const uid = entry?.uid ?? (spec.user as number);
  const gid = spec.group === undefined ? (entry?.gid ?? 0) : groupId(spec.group, groups);
  const member = entry?.name;
  const implicit =
    spec.group === undefined && member !== undefined ? groups.filter((g) => g.members.includes(member)) : [];
  const added = (o.groupAdd ?? []).map((group) => groupId(nameOrId(group, group), groups));
  const additionalGids = [...new Set([gid, ...implicit.map((group) => group.gid), ...added])].slice(0, maxGroups);
  const home = entry?.home ?? "/";
  return { uid, gid, additionalGids, home, ...(member === undefined ? {} : { name: member }) };
}

function groupId(group: string | number, groups: readonly GroupEntry[]): number {
  if (typeof group === "number") return group;
  const entry = groups.find((candidate) => candidate.name === group);
  if (entry === undefined)
    throw new OciError("ERR_OCI_USER_NOT_FOUND", `unable to find group ${group}: no matching entries in group file`);
  return entry.gid;
}

interface UserEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** name:password:uid:gid:gecos:home:shell. An entry whose ids are no ids is none: read as 0 it would make a root. */
function readUsers(passwd: string): readonly UserEntry[] {
  const users: UserEntry[] = [];
  for (const line of lines(passwd, "/etc/passwd", maxPasswdLine)) {
    const [name = "", , uidText = "", gidText = "", , home = ""] = line.split(":");
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    if (name !== "" && uid !== undefined && gid !== undefined) users.push({ name, uid, gid, home: safeHome(home) });
  }
  return users;
}

/** name:password:gid:member,member */
function readGroups(group: string): readonly GroupEntry[] {
  const groups: GroupEntry[] = [];
  for (const line of lines(group, "/etc/group", maxGroupLine)) {
    const [name = "", , gidText = "", members = ""] = line.split(":");
    const gid = parseId(gidText);
    if (name !== "" && gid !== undefined) groups.push({ name, gid, members: members.split(",") });
  }
  return groups;
}

function* lines(text: string, file: string, maxLine: number): Generator<string> {
  if (text.length > maxFileLength)
    throw new OciError("ERR_OCI_USER", `the image's ${file} has more than ${maxFileLength} characters`);
  for (const [number, line] of text.split("\n").entries()) {
    if (line.length > maxLine)
      throw new OciError(
        "ERR_OCI_USER",
        `line ${number + 1} of the image's ${file} has more than ${maxLine} characters`,
      );
    const trimmed = line.trim();
    if (trimmed !== "" && !trimmed.startsWith("#")) yield trimmed;
  }
}

/** HOME goes into the environment and into files; a control character would start a new entry (CVE-2022-4318). */
function safeHome(home: string): string {
  return home.startsWith("/") && !/[\u0000-\u001f\u007f]/.test(home) ? home : "/";
}
