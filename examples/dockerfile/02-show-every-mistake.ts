import { parse, renderError } from "@ctr/dockerfile";

const text = "FROM alpine\nRNU apk add git\nCOPY --form=base a b\n";
for (const error of parse(text).errors) console.log(renderError(error, text));
// prints: Dockerfile:2:1: unknown instruction: RNU
// prints: RNU apk add git
// prints: ^^^
// prints: did you mean RUN?
// prints: Dockerfile:3:6: unknown flag: --form
// prints: COPY --form=base a b
// prints:      ^^^^^^^^^^^
// prints: did you mean --from?
