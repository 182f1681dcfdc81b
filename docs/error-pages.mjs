// One page of every error code, read from the sources: what the type says about it, what its messages say,
// and where it is thrown.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { packages } from "../scripts/layers.mjs";

const root = join(import.meta.dirname, "..");
const codePattern = /^ERR_[A-Z0-9]+(_[A-Z0-9]+)+$/;

/** The text of errors.md. */
export function errorsPage() {
  const sections = [...packages.values()].flatMap(({ folder, name }) => {
    const codes = [...codesOf(folder)].sort(([a], [b]) => (a < b ? -1 : 1));
    return codes.length === 0 ? [] : [`## ${name} {#${folder}}`, "", ...codes.flatMap(entry)];
  });
  return [...opening, ...sections].join("\n");
}

const opening = [
  "# Errors",
  "",
  "Every error has a stable `code`: match on it, never on the message. This page is generated from the sources;",
  "it lists what each code means, what its messages say (`…` stands for a value) and which file throws it.",
  "",
  "A refusal of the kernel is a `KernelError` whose code is `ERR_KERNEL_` and the name of the errno, such as",
  "`ERR_KERNEL_EBUSY`. It carries `syscall`, `errno`, `path`, and, when a plan was walked, the `step` with the",
  "option that asked for it. A system call's manual page says what each errno means.",
  "",
];

function entry([code, { meaning, messages, files }]) {
  const lines = [`### ${code}`, ""];
  if (meaning !== "") lines.push(meaning, "");
  if (messages.size > 0) lines.push("Says:", "", ...[...messages].map((text) => `- ${asCode(text)}`), "");
  if (files.size > 0) lines.push(`Thrown in ${[...files].map(asCode).join(", ")}.`, "");
  return lines;
}

/** Inline code that Vue, which reads the page later, takes as plain text. */
const asCode = (text) =>
  `<code v-pre>${text
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/[`*_[\]{}|\\~]/g, (c) => `&#${c.charCodeAt(0)};`)}</code>`;

/** What the sources of a package say about each code: the union's comments, the messages, the files. */
function codesOf(folder) {
  const found = new Map();
  const about = (code) => {
    if (!found.has(code)) found.set(code, { meaning: "", messages: new Set(), files: new Set() });
    return found.get(code);
  };
  for (const file of globSync(`packages/${folder}/src/**/*.ts`, { cwd: root }).sort()) {
    const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.ES2024, true);
    visit(source, (node) => {
      if (!ts.isStringLiteral(node) || !codePattern.test(node.text)) return;
      if (ts.isLiteralTypeNode(node.parent)) about(node.text).meaning ||= commentBefore(source, node.parent);
      else note(about(node.text), node, file);
    });
  }
  return found;
}

function visit(node, look) {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}

function note({ messages, files }, node, file) {
  files.add(file);
  const message = messageBeside(node);
  if (message !== undefined) messages.add(message);
}

/** In `new XError(code, "text")`, `new XError("text", { code })` and `{ code, message: "text" }`. */
function messageBeside(node) {
  const holder = ts.isPropertyAssignment(node.parent) ? node.parent.parent : node.parent;
  const call = ts.isObjectLiteralExpression(holder) ? holder.parent : holder;
  const values = [
    ...(ts.isObjectLiteralExpression(holder) ? holder.properties : [])
      .filter((it) => ts.isPropertyAssignment(it) && it.name.getText() === "message")
      .map((it) => it.initializer),
    ...(ts.isNewExpression(call) || ts.isCallExpression(call) ? (call.arguments ?? []) : []),
  ];
  return values.map(textOf).find((text) => text !== undefined && !codePattern.test(text));
}

function textOf(node) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map((span) => `…${span.literal.text}`).join("");
}

function commentBefore(source, node) {
  const ranges = ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? [];
  const last = ranges.at(-1);
  if (last === undefined) return "";
  return source.text
    .slice(last.pos, last.end)
    .replace(/^\/\*\*?|\*\/$|^\s*\* ?|^\/\/ ?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}
