import { Complaint } from "../complaint.ts";
import { type FlagValues, readFlags } from "../flags.ts";
import { parseHeredocWord, stripLeadingTabs } from "../heredoc.ts";
import { type Draft, refuse } from "../statement.ts";
import type { Heredoc, Statement, Word } from "../tree.ts";

/** A file whose content is in the Dockerfile. */
export interface InlineFile<W> {
  /** The heredoc's word; the file's name when the destination is a directory. */
  readonly path: string;
  /** Without the tabs that `<<-` takes away. */
  readonly content: W;
  /** Whether variables in `content` are expanded. */
  readonly expand: boolean;
}

interface Transfer<W> {
  readonly sources: readonly W[];
  readonly files: readonly InlineFile<W>[];
  readonly destination: W;
  /** `user[:group]`, names or numbers. */
  readonly chown: W | undefined;
  /** Octal, or symbolic as chmod(1) has it. */
  readonly chmod: W | undefined;
  readonly link: boolean;
  /** Patterns of what is left out, as in .dockerignore. */
  readonly exclude: readonly W[];
}

export interface CopyFields<W> extends Transfer<W> {
  readonly name: "COPY";
  /** A stage's name or number, an image, a named context; the build context without it. */
  readonly from: string | undefined;
  readonly parents: boolean;
}

/** `COPY source… destination`. */
export interface CopyInstruction extends Statement, CopyFields<Word> {}

export interface AddFields<W> extends Transfer<W> {
  readonly name: "ADD";
  readonly checksum: W | undefined;
  /** `undefined` when the flag is not there. */
  readonly keepGitDir: boolean | undefined;
  /** `undefined`: archives of the context are unpacked, downloaded ones are not. */
  readonly unpack: boolean | undefined;
}

/** `ADD source… destination`: COPY that also unpacks archives, downloads URLs and clones repositories. */
export interface AddInstruction extends Statement, AddFields<Word> {}

const common = { chown: "text", chmod: "text", link: "switch", exclude: "list" } as const;

export function readCopy(draft: Draft): CopyInstruction {
  requireDestination(draft);
  const flags = readFlags(draft.statement, { ...common, from: "text", parents: "switch" });
  const from = flags.text("from");
  if (from?.text.includes("$")) {
    const message = "--from takes no variables; give the image a stage of its own and name that";
    refuse(draft, "ERR_DOCKERFILE_FLAG_VALUE", message, from.range);
  }
  return {
    ...draft.statement,
    name: "COPY",
    from: from?.text || undefined,
    parents: flags.switch("parents") ?? false,
    ...readTransfer(draft, flags),
  };
}

export function readAdd(draft: Draft): AddInstruction {
  requireDestination(draft);
  const flags = readFlags(draft.statement, { ...common, checksum: "text", "keep-git-dir": "switch", unpack: "switch" });
  return {
    ...draft.statement,
    name: "ADD",
    checksum: flags.text("checksum"),
    keepGitDir: flags.switch("keep-git-dir"),
    unpack: flags.switch("unpack"),
    ...readTransfer(draft, flags),
  };
}

function requireDestination(draft: Draft): void {
  if (draft.spans.length >= 2) return;
  const message = `${draft.name} requires at least two arguments: sources, then the destination`;
  refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", message);
}

function readTransfer(draft: Draft, flags: FlagValues): Transfer<Word> {
  const { statement } = draft;
  const destination = statement.operands.at(-1)!;
  if (statement.form === "shell" && heredocWord(destination) !== undefined) {
    refuse(
      draft,
      "ERR_DOCKERFILE_HEREDOC",
      `${draft.name} cannot write to a heredoc: the destination comes last`,
      destination.range,
    );
  }
  // Of two heredocs with one name the last one counts, as in BuildKit.
  const heredocs = new Map(statement.heredocs.map((heredoc) => [heredoc.name, heredoc]));
  const sources: Word[] = [];
  const files: InlineFile<Word>[] = [];
  for (const source of statement.operands.slice(0, -1)) {
    const file = statement.form === "shell" ? inlineFile(source, heredocs) : undefined;
    if (file === undefined) sources.push(source);
    else files.push(file);
  }
  return {
    sources,
    files,
    destination,
    chown: flags.text("chown"),
    chmod: flags.text("chmod"),
    link: flags.switch("link") ?? false,
    exclude: flags.list("exclude"),
  };
}

function inlineFile(source: Word, heredocs: ReadonlyMap<string, Heredoc>): InlineFile<Word> | undefined {
  const word = heredocWord(source);
  const heredoc = word && heredocs.get(word.name);
  if (heredoc === undefined) return undefined;
  const text = heredoc.stripTabs ? stripLeadingTabs(heredoc.content) : heredoc.content;
  return { path: heredoc.name, content: { text, range: heredoc.range }, expand: heredoc.expand };
}

function heredocWord(word: Word): ReturnType<typeof parseHeredocWord> {
  if (!word.text.includes("<<")) return undefined;
  try {
    return parseHeredocWord(word.text);
  } catch {
    throw new Complaint({
      code: "ERR_DOCKERFILE_HEREDOC",
      message: "the quotes of a heredoc's word do not add up",
      range: word.range,
    });
  }
}
