import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

//  What the examples need of node, python, go … without a network: a busybox, and stand-ins for the tools. A stand-in
//  leaves something where the tool would, made of the files that the tool would read; nothing depends on the time.

const gather = 'out() { mkdir -p "$(dirname "$1")"; find . -type f ! -path "./$1" | sort | xargs cat > "$1"; }\n';

const program = (lines: string): string => `#!/bin/sh\nset -e\n${gather}${lines}\n`;

const tools: Readonly<Record<string, string>> = {
  npm: `case "$1" in
ci | install) mkdir -p node_modules; cat package*.json > node_modules/.package-lock.json ;;
prune) echo pruned > node_modules/.pruned ;;
run) test "$2" != build || out dist/main.js; echo "$2 passed" ;;
*) echo "$1 passed" ;;
esac`,
  pnpm: `case "$1" in
install) mkdir -p node_modules; cat pnpm-lock.yaml packages/*/package.json > node_modules/.modules.yaml ;;
--filter) out "packages/$2/bundle.txt" ;;
esac`,
  corepack: "true",
  pip: 'mkdir -p /usr/local/lib/python; for word; do test ! -f "$word" || cat "$word" > /usr/local/lib/python/installed; done',
  python: 'test "$1 $2" != "-m venv" || { mkdir -p "$3/bin"; echo venv > "$3/bin/activate"; }',
  mkdocs: 'while test "$1" != --site-dir; do shift; done; out "$2/index.html"',
  go: `case "$1" in
mod) mkdir -p /go/pkg/mod; cat go.* > /go/pkg/mod/cache ;;
build) while test "$1" != -o; do shift; done; out "$2"; chmod 755 "$2" ;;
esac`,
  cargo: "mkdir -p target/release; cat Cargo.toml src/* > target/release/app; chmod 755 target/release/app",
  mvn: `case "$*" in
*go-offline*) mkdir -p /root/.m2; cat pom.xml > /root/.m2/repository ;;
*) out target/app.jar ;;
esac`,
  java: "mkdir -p extracted/dependencies extracted/application; cp target/app.jar extracted/application; echo lib > extracted/dependencies/lib.jar",
  make: `case "$*" in
*CFLAGS*) printf '#!/bin/sh\\necho hello\\n' > hello; chmod 755 hello ;;
check) ./tests/run.sh ;;
esac`,
  bundle: "mkdir -p /usr/local/bundle; cat Gemfile.lock > /usr/local/bundle/gems",
  dotnet: `case "$1" in
restore) mkdir -p obj; cat *.sln > obj/project.assets.json ;;
publish) while test "$1" != -o; do shift; done; out "$2/Shop.Web.dll" ;;
esac`,
  adduser: `for name; do :; done
grep -q "^$name:" /etc/group || echo "$name:x:500:" >> /etc/group
echo "$name:x:500:500::/home/$name:/bin/sh" >> /etc/passwd`,
  addgroup: 'for name; do :; done; echo "$name:x:500:" >> /etc/group',
  apk: "mkdir -p /lib/apk; echo installed >> /lib/apk/db",
};

const users = ["node", "postgres"].map(
  (name, index) => `${name}:x:${1000 + index}:${1000 + index}::/home/${name}:/bin/sh`,
);

/** Write the root of a base image that can do what the examples ask for. */
export function writeToolbox(directory: string, busybox: string, applets: readonly string[]): void {
  // Buildah leaves these in every image, as places to mount on; the files of etc are such ones too.
  const mountPoints = ["dev", "proc", "run", "sys"];
  for (const name of [...mountPoints, "bin", "tmp", "root", "home", "var", "usr/share/nginx/html", "etc/nginx/conf.d"])
    mkdirSync(join(directory, name), { recursive: true });
  chmodSync(join(directory, "tmp"), 0o1777);
  copyFileSync(busybox, join(directory, "bin/busybox"));
  for (const applet of applets) symlinkSync("busybox", join(directory, "bin", applet));
  write(directory, "etc/passwd", `root:x:0:0:root:/root:/bin/sh\n${users.join("\n")}\n`);
  write(directory, "etc/group", "root:x:0:\nnode:x:1000:\npostgres:x:1001:\n");
  for (const name of ["hostname", "hosts", "resolv.conf"]) write(directory, `etc/${name}`, "");
  write(directory, "etc/shadow", "root:*:::::::\n");
  write(directory, "etc/ssl/certs/ca-certificates.crt", "certificates\n");
  write(directory, "usr/share/nginx/html/index.html", "<p>welcome</p>\n");
  for (const [name, lines] of Object.entries(tools)) write(directory, `usr/local/bin/${name}`, program(lines));
  write(directory, "usr/bin/composer", program("mkdir -p vendor; cat composer.lock > vendor/autoload.php"));
}

function write(directory: string, path: string, text: string): void {
  const target = join(directory, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  chmodSync(target, text.startsWith("#!") ? 0o755 : 0o644);
}
