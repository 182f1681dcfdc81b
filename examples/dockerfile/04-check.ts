import { parse } from "@ctr/dockerfile";
import { check } from "@ctr/dockerfile/check";

// BuildKit's checks, in its words: `docker build --check` finds the same.
const file = parse("FROM alpine as build\nARG API_TOKEN\nWORKDIR src\nCMD run $WHAT\n");
for (const { rule, detail, range } of check(file).warnings) console.log(`${range.start.line} ${rule}: ${detail}`);
// prints: 1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match
// prints: 2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN")
// prints: 3 WorkdirRelativePath: Relative workdir "src" can have unexpected results if the base image changes
// prints: 4 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
