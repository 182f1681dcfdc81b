import { expandInstruction, parse, stages } from "@ctr/dockerfile";

const file = parse("ARG TAG=3\nFROM alpine:$TAG AS app\nCOPY --chown=1000 src /srv/$NAME\n");
const [app] = stages(file).stages;
for (const instruction of [app!.from, ...app!.instructions]) {
  const { value, used } = expandInstruction(instruction, { TAG: "3.22", NAME: "web" });
  if (value.name === "FROM") console.log(value.base, used);
  if (value.name === "COPY") console.log(value.sources, value.destination, used);
}
// prints: alpine:3.22 [ 'TAG' ]
// prints: [ 'src' ] /srv/web [ 'NAME' ]
