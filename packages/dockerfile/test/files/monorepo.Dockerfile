# syntax=docker/dockerfile:1.20
FROM node:24-alpine AS workspace
RUN corepack enable
WORKDIR /repo
COPY --parents package.json pnpm-lock.yaml pnpm-workspace.yaml packages/*/package.json apps/*/package.json ./
RUN --mount=type=cache,id=pnpm,target=/pnpm/store pnpm install --frozen-lockfile

FROM workspace AS sources
COPY --exclude=**/*.test.ts --exclude=**/fixtures packages ./packages
COPY --exclude=**/*.test.ts apps ./apps
ARG APP=web
ARG GIT_SHA
ENV APP_NAME=${APP} APP_REVISION=${GIT_SHA:-unknown} APP_SHORT=${GIT_SHA%%-*}
RUN --network=none pnpm --filter "./apps/${APP}..." run build
RUN pnpm --filter "./apps/${APP}" deploy --prod /out

FROM node:24-alpine AS app
ARG GIT_SHA
LABEL org.opencontainers.image.revision=$GIT_SHA
COPY --from=sources --chown=1000:1000 /out /app
USER 1000
WORKDIR /app
ONBUILD COPY config.json /app/config.json
ONBUILD RUN node scripts/check-config.js
CMD ["node", "server.js"]
