import type { ContainerDefaults } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { applyChanges } from "../src/index.ts";

const cases: readonly {
  readonly from?: ContainerDefaults;
  readonly changes: readonly string[];
  readonly is: ContainerDefaults | RegExp;
  readonly why: string;
}[] = [
  { changes: [], is: {}, why: "nothing changes" },
  { changes: ['CMD ["a", "b"]'], is: { Cmd: ["a", "b"] }, why: "the exec form is taken as it is" },
  { changes: ["cmd a b"], is: { Cmd: ["/bin/sh", "-c", "a b"] }, why: "the shell form is a shell's" },
  {
    from: { Cmd: ["old"] },
    changes: ['ENTRYPOINT ["e"]'],
    is: { Entrypoint: ["e"] },
    why: "a new ENTRYPOINT drops the image's CMD",
  },
  {
    from: { Cmd: ["old"] },
    changes: ['CMD ["new"]', 'ENTRYPOINT ["e"]'],
    is: { Cmd: ["new"], Entrypoint: ["e"] },
    why: "but not one that was set beside it",
  },
  {
    from: { Env: ["A=1", "B=2"] },
    changes: ["ENV A=3", "ENV C=$A-$B"],
    is: { Env: ["A=3", "B=2", "C=3-2"] },
    why: "later changes see earlier ones",
  },
  {
    changes: ["EXPOSE 80 53/udp", "VOLUME /data", "USER 1:2", "STOPSIGNAL SIGINT", "LABEL a=b"],
    is: {
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {} },
      User: "1:2",
      StopSignal: "SIGINT",
      Labels: { a: "b" },
    },
    why: "the plain settings",
  },
  { changes: ["WORKDIR /a", "WORKDIR b"], is: { WorkingDir: "/a/b" }, why: "a relative one adds to the last" },
  { changes: ["ONBUILD RUN x"], is: { OnBuild: ["RUN x"] }, why: "a trigger is kept, not done" },
  { changes: ["HEALTHCHECK NONE"], is: { Healthcheck: { Test: ["NONE"] } }, why: "Docker takes it" },
  { changes: ["RUN x"], is: /run is not a valid change command/, why: "nothing runs in a change" },
  { changes: ["COPY a b"], is: /copy is not a valid change command/, why: "there is no context" },
  { changes: ['SHELL ["sh"]'], is: /shell is not a valid change command/, why: "Docker refuses it" },
  { changes: ["FROM x"], is: /from is not a valid change command/, why: "the image is there" },
  { changes: ["CMD a\nCMD b"], is: /one instruction expected/, why: "each change is one" },
  { changes: [""], is: /one instruction expected/, why: "none is not one" },
  { changes: ["EXPOSE x"], is: /invalid containerPort/, why: "no port" },
  { changes: ["NONSENSE"], is: /NONSENSE/, why: "no instruction" },
];

describe("applyChanges", () => {
  for (const { from = {}, changes, is, why } of cases)
    test(`${JSON.stringify(changes)}: ${why}`, () => {
      if (is instanceof RegExp) expect(() => applyChanges(from, changes)).toThrow(is);
      else expect(applyChanges(from, changes)).toEqual(is);
    });
});
