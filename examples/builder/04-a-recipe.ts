import { from } from "@ctr/builder";

// A Dockerfile as a value: stages are recipes, and what is text stays text.
const build = from("node:22", { as: "build" }).workdir("/app").copy("package.json", "./").run("npm ci");
const image = from("scratch").copy("/app", "/app", { from: build, chown: "1000" }).env({ PRICE: "5$" });
console.log(image.dockerfile().trimEnd());
// prints: FROM node:22 AS build
// prints: WORKDIR /app
// prints: COPY package.json ./
// prints: RUN npm ci
// prints: FROM scratch
// prints: COPY --from=build --chown=1000 /app /app
// prints: ENV PRICE="5\$"
