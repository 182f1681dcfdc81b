// Runs a TypeScript text or file as its reader would and compares what it says with its `// prints:` lines.
import { spawn } from "node:child_process";
import { join } from "node:path";

export const repository: string = join(import.meta.dirname, "..");

/** The lines that follow `// prints: ` in a source, joined as a program would print them. */
export function promisedOutput(source: string): string | undefined {
  const lines = [...source.matchAll(/^\/\/ prints: ?(.*)$/gm)].map(([, line]) => `${line}\n`);
  return lines.length === 0 ? undefined : lines.join("");
}

/** Run Node on a file, or on `source` as a module that imports as a file in the repository's root would. */
export function runExample(what: { readonly file: string } | { readonly source: string }): Promise<string> {
  const input = "file" in what ? [what.file] : ["--input-type=module-typescript"];
  const child = spawn(
    process.execPath,
    ["--conditions=ctr-source", "--disable-warning=ExperimentalWarning", ...input],
    {
      cwd: repository,
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
      stdio: ["pipe", "pipe", "pipe"],
    },
  );
  child.stdin.end("source" in what ? what.source : "");
  const [output, complaint] = [collect(child.stdout), collect(child.stderr)];
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", async (status) => {
      if (status === 0) resolve(await output);
      else reject(new Error(`exit status ${status}\n${await complaint}${await output}`));
    });
  });
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
