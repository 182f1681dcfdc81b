# syntax=docker/dockerfile:1
# check=error=true

# NODE_VERSION is the release that all stages run on
ARG NODE_VERSION=24.4
ARG DISTRO=bookworm-slim

# deps installs what the service needs at run time
FROM node:${NODE_VERSION}-${DISTRO} AS deps
WORKDIR /srv/shop
COPY --link package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm,sharing=locked \
    --mount=type=secret,id=npm_token,env=NPM_TOKEN,required \
    npm ci --omit=dev --no-audit --no-fund

# build compiles the sources and the style sheets
FROM deps AS build
RUN --mount=type=cache,target=/root/.npm,sharing=locked npm ci --no-audit --no-fund
COPY --link tsconfig.json tsconfig.build.json ./
COPY --link src ./src
COPY --link assets ./assets
ENV NODE_ENV=production \
    BROWSERSLIST_ENV=production \
    SOURCE_MAPS=hidden
RUN npm run build \
 && npm run styles -- --minify \
 # maps are uploaded by the pipeline, never shipped
 && find dist -name '*.map' -exec mv -t /tmp/maps {} + \
 && rm -rf node_modules/.cache

FROM node:${NODE_VERSION}-${DISTRO} AS runtime
LABEL org.opencontainers.image.title="shop" \
      org.opencontainers.image.source="https://git.example.org/shop/service" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production PORT=8080
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini=0.19.* ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 990 shop \
 && useradd --system --uid 990 --gid shop --home-dir /srv/shop shop
WORKDIR /srv/shop
COPY --from=deps --chown=shop:shop /srv/shop/node_modules ./node_modules
COPY --from=build --chown=shop:shop /srv/shop/dist ./dist
COPY --chown=shop:shop package.json ./
USER shop
EXPOSE 8080/tcp 9464/tcp
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --start-interval=1s --retries=3 \
  CMD ["node", "dist/health.js"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--"]
CMD ["node", "--enable-source-maps", "dist/server.js"]
