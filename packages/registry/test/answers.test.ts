// Whatever a server answers, a caller sees a result or a RegistryError.
import { mediaTypes } from "@ctr/oci";
import { isRegistryError, openRegistry, type Registry } from "@ctr/registry";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collect, MemorySink, makeImage, memorySource, pullInto } from "./images.ts";
import { countRequests } from "./request-log.ts";

const image = makeImage({ sizes: [20] });
const layer = image.layers[0]!;
const named = { repository: "app", reference: "1" };

const calls: Readonly<Record<string, (registry: Registry) => Promise<unknown>>> = {
  ping: (registry) => registry.ping(),
  resolve: (registry) => registry.resolve(named),
  head: (registry) => registry.head(named),
  pull: (registry) => pullInto(new MemorySink(), { registry, ...named }),
  blob: (registry) => collect(registry.fetchBlob({ repository: "app", descriptor: layer })),
  tags: (registry) => collect(registry.tags({ repository: "app" })),
  referrers: (registry) => collect(registry.referrers({ repository: "app", digest: layer.digest })),
  push: (registry) =>
    registry.pushBlob({ repository: "app", descriptor: layer, source: memorySource(image.bytes), origins: ["other"] }),
  delete: (registry) => registry.deleteManifest(named),
};

const text = fc.stringMatching(/^[ -~]{0,60}$/);
const answer = fc.record({
  status: fc.oneof(
    fc.constantFrom(200, 201, 202, 204, 206, 301, 307, 400, 401, 403, 404, 416, 429, 500, 503),
    fc.integer({ min: 200, max: 999 }),
  ),
  headers: fc.record(
    {
      "content-type": fc.oneof(text, fc.constantFrom(...Object.values(mediaTypes))),
      "docker-content-digest": fc.oneof(text, fc.constantFrom(layer.digest, image.root.digest)),
      "content-range": fc.oneof(text, fc.constantFrom("bytes 0-19/20", "bytes 5-19/20")),
      "www-authenticate": fc.oneof(
        text,
        text.map((it) => `Bearer ${it}`),
        fc.constantFrom('Bearer realm="/t"', "Basic realm=x", 'Bearer realm="http://127.0.0.1:1/"'),
      ),
      location: fc.oneof(text, fc.webUrl(), fc.constantFrom("/x", "?", "//", "http://127.0.0.1:1/")),
      link: fc.oneof(text, fc.constantFrom("</next>; rel=next", "<?a>; rel=next")),
      "retry-after": fc.oneof(text, fc.constantFrom("0", "1000000")),
      range: fc.oneof(text, fc.constantFrom("0-5", "0-100", "0-0")),
      etag: text,
      "content-encoding": fc.constantFrom("gzip", "identity", "x"),
    },
    { requiredKeys: [] },
  ),
  body: fc.oneof(
    fc.constantFrom(...[...image.bytes.values()].map((it) => Buffer.from(it))),
    fc.uint8Array({ maxLength: 100 }).map((it) => Buffer.from(it)),
    fc.json().map((it) => Buffer.from(it)),
    fc
      .constantFrom(
        '{"name":"app","tags":["1"]}',
        '{"token":"t"}',
        '{"token":"a\\nb"}',
        '{"errors":[{"code":"X","message":"\\u001b"}]}',
      )
      .map((it) => Buffer.from(it)),
  ),
});

test.each(Object.entries(calls))("%s", async (_, call) => {
  let answers: readonly { status: number; headers: Record<string, unknown>; body: Buffer }[] = [];
  let count = 0;
  await using server = await countRequests((request, response) => {
    const { status, headers, body } = answers[count++ % answers.length]!;
    request.resume();
    response.writeHead(status, headers as Record<string, string>).end(body);
  });
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 6 }), async (plan) => {
      answers = plan;
      count = 0;
      await using registry = openRegistry({
        host: server.host,
        credentials: { username: "u", password: "p" },
        retry: { attempts: 2, firstDelayMillis: 1, maxDelayMillis: 1 },
        idleMillis: 1000,
      });
      const outcome = await call(registry).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) return;
      expect(isRegistryError(outcome), outcome.stack).toBe(true);
      // One line that does nothing to a terminal.
      expect(outcome.message).not.toMatch(/[\u0000-\u001f]/);
    }),
    { numRuns: 150 },
  );
});
