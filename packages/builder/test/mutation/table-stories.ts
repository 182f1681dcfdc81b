// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfiles

import { type Story, type StoryBase, type StoryOptions, story } from "./story.ts";

type Files = Readonly<Record<string, string>>;
interface More {
  readonly args?: Readonly<Record<string, string>>;
  readonly options?: StoryOptions;
  readonly base?: Partial<StoryBase>;
}

/** Small projects, each with one thing that makes it worth building, by the name of that. */
const table: Readonly<Record<string, readonly [dockerfile: string, files: Files, more?: More]>> = {
  "the whole context at once": [
    "FROM node:24\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nCMD npm start\n",
    { "package.json": "{}", "index.js": "1", "lib/util.js": "2" },
  ],
  "an ARG too early": [
    'FROM debian:13\nARG GIT_SHA=none\nRUN apt-get install -y curl\nCOPY app /app\nRUN /app/setup > /setup.log\nLABEL sha="$GIT_SHA"\n',
    { "app/setup": "#!/bin/sh\necho ready\n", "app/run": "#!/bin/sh\n" },
  ],
  "an ARG at its place": [
    'FROM debian:13\nRUN apt-get install -y curl\nCOPY app /app\nARG GIT_SHA=none\nRUN echo "$GIT_SHA" > /version\nLABEL sha="$GIT_SHA"\n',
    { "app/run": "#!/bin/sh\n" },
  ],
  "an ARG without a default": [
    "FROM alpine\nARG PROXY_USER\nARG TOKEN_FILE=/run/token\nRUN fetch --user $PROXY_USER > /fetched\nENV TOKEN_FILE=$TOKEN_FILE\nRUN read-token > /token\n",
    {},
    { args: { PROXY_USER: "me" } },
  ],
  "an ENV that hides an ARG": [
    "FROM alpine\nARG LEVEL=1\nENV LEVEL=2\nRUN echo level > /level\nARG LEVEL=3\nRUN echo again > /again\n",
    {},
  ],
  "an ENV made of others": [
    "FROM alpine\nENV A=1 B=${A:-x}\nENV C=${A}${B} D='$A'\nWORKDIR /$C\nCOPY f $C/\nRUN echo $C > c\n",
    { f: "f" },
  ],
  "a variable with a substring": [
    "FROM alpine\nARG VERSION=v1.2.3\nENV MAJOR=${VERSION%%.*} PLAIN=${VERSION#v}\nCOPY release-${PLAIN}.txt /release\nRUN echo > /made\n",
    { "release-1.2.3.txt": "one" },
  ],
  wildcards: [
    "FROM alpine\nWORKDIR /w\nCOPY *.json ./\nCOPY src/*.[ch] src/\nCOPY a?c /x/\nRUN make all\n",
    { "a.json": "a", "b.json": "b", "src/m.c": "m", "src/m.h": "h", "src/m.o": "o", abc: "abc", notes: "n" },
  ],
  "a list that is allowed": [
    "FROM alpine\nCOPY . /srv\nRUN ls > /list\n",
    {
      ".dockerignore": "**\n!src\nsrc/private\n!src/private/public.txt\n",
      "src/a": "a",
      "src/private/key": "k",
      "src/private/public.txt": "p",
      other: "o",
    },
  ],
  "ignored and not again": [
    "FROM alpine\nCOPY docs /docs\nCOPY . /all\n",
    {
      ".dockerignore": "*.md\n!docs/README.md\n# a comment\n\n.git\n",
      "docs/README.md": "r",
      "docs/a.md": "a",
      "x.md": "x",
      ".git/HEAD": "h",
    },
  ],
  "a chain of stages": [
    'FROM alpine AS a\nRUN echo a > /a\nFROM a AS b\nCOPY b /b\nRUN echo b > /bb\nFROM b AS c\nENV C=1\nRUN echo c > /c\nFROM c\nCMD ["c"]\n',
    { b: "b" },
  ],
  "a diamond of stages": [
    "FROM alpine AS root\nCOPY common /common\nFROM root AS left\nCOPY l /l\nRUN echo l > /left\nFROM root AS right\nCOPY r /r\nRUN echo r > /right\nFROM root\nCOPY --from=left /left /\nCOPY --from=right /right /\nRUN cat /left /right > /both\n",
    { common: "c", l: "l", r: "r" },
  ],
  "a stage that nobody needs": [
    "FROM alpine AS used\nRUN echo u > /u\nFROM alpine AS unused\nCOPY never /\nRUN echo never > /n\nFROM alpine\nCOPY --from=used /u /\n",
    { never: "n" },
  ],
  "stages by number": [
    "FROM alpine\nRUN echo 0 > /zero\nFROM alpine\nRUN echo 1 > /one\nFROM scratch\nCOPY --from=0 /zero /\nCOPY --from=1 /one /\n",
    {},
  ],
  "a steady step between": [
    "FROM alpine\nCOPY conf /etc/conf\nRUN adduser -D web\nCOPY site /site\nRUN index /site > /site/index\n",
    { conf: "c", "site/a": "a" },
  ],
  "steps that change nothing": [
    "FROM alpine\nARG X=1\nRUN true\nCOPY f /f\nRUN test -f /f\nRUN true\nCMD true\n",
    { f: "f" },
  ],
  "a shell of its own": [
    'FROM mcr.test/windows\nSHELL ["/bin/ash", "-e", "-c"]\nRUN echo a > /a\nRUN ["/bin/echo", "exec form"]\nSHELL ["/bin/sh", "-c"]\nRUN echo b > /b\n',
    {},
  ],
  "users and owners": [
    "FROM alpine\nARG OWNER=app\nUSER $OWNER\nWORKDIR /home/app\nCOPY --chown=$OWNER:app . .\nRUN echo mine > mine\nUSER root\nRUN echo root > /root/file\n",
    { ".profile": "p", "bin/tool": "#!/bin/sh\n" },
  ],
  modes: [
    "FROM alpine\nCOPY --chmod=0750 bin /opt/bin\nCOPY --chmod=u=rw,go=r conf /opt/conf\nADD --chmod=600 key /opt/key\nRUN ls -l /opt > /opt/list\n",
    { "bin/a": "#!/bin/sh\n", "conf/c": "c", key: "k" },
  ],
  "files in the file": [
    'FROM alpine\nARG NAME=world\nCOPY <<hello.txt <<"raw.txt" /t/\nhello $NAME\nhello.txt\n$NAME\nraw.txt\nRUN cat /t/* > /all\n',
    {},
  ],
  "a script with its interpreter": [
    "FROM python:3\nRUN <<EOF\n#!/usr/bin/env python3\nopen('/made', 'w').write('1')\nEOF\nRUN <<-EOF\n\techo tabs > /tabs\nEOF\nCOPY m.py /\n",
    { "m.py": "pass" },
  ],
  "two caches": [
    "FROM debian\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt apt-get install -y gcc\nCOPY m.c .\nRUN --mount=type=cache,id=cc,target=/cc gcc -o /m m.c\n",
    { "m.c": "int main;" },
  ],
  "a bind of the context": [
    "FROM alpine\nWORKDIR /b\nRUN --mount=target=. make all\nRUN --mount=type=bind,source=conf/a.conf,target=/a.conf cat /a.conf > /conf\n",
    { Makefile: "all:", "conf/a.conf": "a", "conf/b.conf": "b" },
  ],
  "a bind of a stage": [
    "FROM alpine AS tools\nCOPY tool /usr/bin/tool\nFROM alpine\nCOPY in /in\nRUN --mount=from=tools,source=/usr/bin/tool,target=/tool /tool /in > /out\n",
    { tool: "#!/bin/sh\n", in: "in" },
  ],
  "a secret and a socket": [
    "FROM node\nCOPY package.json .\nRUN --mount=type=secret,id=token,target=/root/.npmrc npm ci\nRUN --mount=type=ssh clone > /cloned\n",
    { "package.json": "{}" },
    { options: { secrets: { token: "first" } } },
  ],
  "without a network": [
    "FROM alpine\nCOPY v /v\nRUN --network=none unpack /v > /u\nRUN --network=host fetch > /f\nRUN plain > /p\n",
    { v: "v" },
  ],
  "only settings": [
    'FROM alpine\nLABEL a=1 "b c"=2\nENV X=1\nEXPOSE 80\nVOLUME /data\nUSER app\nSTOPSIGNAL 9\nHEALTHCHECK CMD true\nENTRYPOINT ["/bin/x"]\nCMD ["y"]\n',
    {},
  ],
  "nothing but one file": ["FROM scratch\nCOPY hello /\n", { hello: "hello" }],
  "nothing at all": ["FROM scratch\nLABEL empty=yes\nENV A=1\n", {}],
  "files for any machine": [
    "FROM scratch AS config\nCOPY config /config/\nFROM scratch\nCOPY --from=config /config/a /a\nCOPY static /static\n",
    { "config/a": "a", "config/b": "b", "static/x": "x" },
  ],
  "an archive that is unpacked": [
    "FROM alpine\nADD plain.txt /opt/\nADD dir /opt/dir\nADD --unpack=false plain.txt /kept/\nRUN find /opt > /found\n",
    { "plain.txt": "p", "dir/a": "a" },
  ],
  "links and parents": [
    "FROM alpine\nCOPY --link base /base\nCOPY changing /changing\nCOPY --link last /last\nCOPY --parents a/./b/*.txt a/c.txt /p/\n",
    { base: "b", changing: "c", last: "l", "a/b/x.txt": "x", "a/b/y.md": "y", "a/c.txt": "c" },
  ],
  "left out": [
    "FROM alpine\nCOPY --exclude=*.log --exclude=tmp . /srv\nRUN count /srv > /count\n",
    { "a.txt": "a", "b.log": "b", "tmp/t": "t", "sub/c.log": "c" },
  ],
  "a base with triggers": [
    "FROM trigger-base\nLABEL of=child\nRUN echo own > /own\nCOPY more /more\n",
    { app: "app", more: "m" },
    { base: { onbuild: ["ARG MODE=fast", "COPY app /app", "RUN install $MODE > /installed"] } },
  ],
  "triggers for another stage": [
    "FROM alpine AS parent\nONBUILD COPY child.txt /child.txt\nONBUILD RUN echo triggered > /t\nRUN echo p > /p\nFROM parent\nRUN echo c > /c\n",
    { "child.txt": "c" },
  ],
  "a base with a user": [
    "FROM alpine\nCOPY f /f\nRUN whoami > /tmp/me\nWORKDIR /work\nRUN pwd > pwd\n",
    { f: "f" },
    { base: { user: "app" } },
  ],
  "a base that is an argument": [
    "ARG BASE=alpine\nARG TAG=3.22\nFROM $BASE:${TAG}\nARG TAG\nRUN echo $TAG > /tag\nCOPY f /\n",
    { f: "f" },
  ],
  "platform arguments": [
    "FROM --platform=$TARGETPLATFORM alpine\nARG TARGETARCH\nARG TARGETOS TARGETVARIANT\nCOPY bin-* /bin/\nRUN echo $TARGETARCH > /arch\n",
    { "bin-amd64": "1", "bin-arm64": "2" },
  ],
  "a target in the middle": [
    "FROM alpine AS one\nCOPY a /a\nFROM one AS two\nCOPY b /b\nRUN echo 2 > /two\nFROM two AS three\nRUN echo 3 > /three\n",
    { a: "a", b: "b" },
    { options: { target: "two" } },
  ],
  "deep directories": [
    "FROM alpine\nWORKDIR /one/two\nWORKDIR three\nWORKDIR ../four\nCOPY d d\nCOPY d/e/f/g.txt ./\nRUN find . > list\n",
    { "d/e/f/g.txt": "g", "d/e/h.txt": "h", "d/i": "i" },
  ],
  "the same file twice": [
    "FROM alpine\nCOPY f /one\nCOPY f /two\nRUN cat /one /two > /three\nCOPY f g /both/\n",
    { f: "f", g: "g" },
  ],
  "comments everywhere": [
    '# syntax=docker/dockerfile:1\n# check=skip=all\n\n# The base.\nFROM alpine\n# First a file,\nCOPY f /f\n\n# then a command\nRUN one && \\\n    # in two parts\n    two > /out\n# and the end.\nCMD ["x"]\n',
    { f: "f" },
  ],
  "old spellings": [
    "from alpine\nMAINTAINER somebody\nENV OLD style value\nLABEL old style\nrun echo $OLD > /old\ncopy f /f\nEXPOSE 1-3 5/UDP\n",
    { f: "f" },
  ],
  "JSON everywhere": [
    'FROM alpine\nCOPY ["a b.txt", "c.txt", "/spaces in names/"]\nRUN ["/bin/sh", "-c", "ls > /ls"]\nVOLUME ["/a", "/b c"]\nENTRYPOINT ["/bin/sh", "-c"]\nCMD ["ls"]\n',
    { "a b.txt": "a", "c.txt": "c" },
  ],
};

export const tableStories: readonly Story[] = Object.entries(table).map(([name, [dockerfile, files, more]]) =>
  story(name, { Dockerfile: dockerfile, ...files }, more),
);
