import { fixText } from "@ctr/dockerfile/fix";

const text = "FROM node:24 as build\nCOPY . .\nRUN npm ci && npm test\n";
process.stdout.write(fixText(text));
// prints: FROM node:24 AS build
// prints: COPY package.json package-lock.json* ./
// prints: RUN --mount=type=cache,target=/root/.npm npm ci
// prints: COPY . .
// prints: RUN npm test
