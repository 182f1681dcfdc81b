import fc from "fast-check";
import { expect, test } from "vitest";
import { Failure } from "../src/failure.ts";
import { table } from "../src/table.ts";
import { fillTemplate, formatRows } from "../src/template.ts";

const document = {
  Name: "/web",
  State: { Pid: 7, Running: true },
  Labels: { "a.b": "c" },
  Ports: ["80", "443"],
  None: null,
};

const cases = [
  { template: "{{.Name}}", is: "/web", why: "a field" },
  { template: "{{ .State.Pid }} and {{.State.Running}}", is: "7 and true", why: "paths, blanks, text between" },
  { template: "{{json .State}}", is: '{"Pid":7,"Running":true}', why: "as JSON" },
  { template: '{{index .Labels "a.b"}}', is: "c", why: "a key with a dot" },
  { template: "{{index .Ports 1}}", is: "443", why: "a place in a list" },
  { template: "{{.Ports}} {{.State}}", is: "[80 443] map[Pid:7 Running:true]", why: "as Go prints them" },
  { template: "{{.None}}", is: "<no value>", why: "as Go prints nil" },
  { template: "a\\tb\\nc", is: "a\tb\nc", why: "what they look like" },
  { template: "{{println .Name}}", is: "/web\n", why: "with a line feed" },
  { template: "no fields", is: "no fields", why: "text" },
  { template: "{{.Nobody}}", is: /there is no "Nobody"/, why: "a field that is not there" },
  { template: "{{.constructor}}", is: /there is no "constructor"/, why: "a property of every object is no field" },
  { template: "{{.Name.length}}", is: /there is no "length"/, why: "nor one of every text" },
  { template: "{{range .Ports}}x{{end}}", is: /is not understood/, why: "said, not ignored" },
  { template: "{{Name}}", is: /is not understood/, why: "no field: there is no dot" },
  { template: "{{json Name}}", is: /is no field: write .Name/, why: "no dot" },
  { template: "{{index .Labels x}}", is: Failure, why: "a key that is no text" },
] as const;
for (const { template, is, why } of cases)
  test(`${template}: ${why}`, () => {
    if (typeof is === "string") expect(fillTemplate(template, document)).toBe(is);
    else expect(() => fillTemplate(template, document)).toThrow(is);
  });

test("whatever the template is, it is filled or refused", () => {
  const part = fc.oneof(
    fc.constantFrom("{{", "}}", ".", "json ", "index ", '"', "\\", "Name", "State", " ", "1"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      try {
        expect(typeof fillTemplate(parts.join(""), document)).toBe("string");
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
      }
    }),
  );
});

const rows = [
  { Names: "web", State: "running" },
  { Names: "database", State: "exited" },
];
test("rows: each by a template, as JSON, as a table with headings", () => {
  expect(formatRows("{{.Names}}={{.State}}", rows, table)).toBe("web=running\ndatabase=exited\n");
  expect(formatRows("json", rows, table)).toBe(
    '{"Names":"web","State":"running"}\n{"Names":"database","State":"exited"}\n',
  );
  expect(formatRows("table {{.Names}}\\t{{.State}}", rows, table)).toBe(
    "NAMES      STATE\nweb        running\ndatabase   exited\n",
  );
  expect(formatRows("table {{.RunningFor}}", [], table)).toBe("RUNNING FOR\n");
});

test("a table: three blanks between, none at the end, escape sequences made visible", () => {
  expect(
    table(
      ["A", "B"],
      [
        ["1", ""],
        ["\u001b[2J", "x"],
      ],
    ),
  ).toBe("A           B\n1\n\\u001b[2J   x\n");
});
