# syntax=docker/dockerfile:1
ARG GO_VERSION=1.24
ARG ALPINE_VERSION=3.22

FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.6.1 AS xx
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-alpine${ALPINE_VERSION} AS base
COPY --from=xx / /
ENV CGO_ENABLED=0
WORKDIR /src
RUN --mount=type=bind,source=go.mod,target=go.mod \
    --mount=type=bind,source=go.sum,target=go.sum \
    --mount=type=cache,target=/go/pkg/mod \
    go mod download -x

FROM base AS version
RUN --mount=type=bind,target=. <<'EOT'
  set -e
  git rev-parse HEAD 2>/dev/null || {
    echo >&2 "no git history: the version is unknown"
    exit 0
  }
  VERSION=$(git describe --match 'v[0-9]*' --dirty='.m' --always --tags)
  REVISION=$(git rev-parse HEAD)$(if ! git diff --no-ext-diff --quiet --exit-code; then echo .m; fi)
  echo "-X main.version=${VERSION} -X main.revision=${REVISION}" | tee /tmp/.ldflags
EOT

FROM base AS build
ARG TARGETPLATFORM
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/root/.cache,id=operator-$TARGETPLATFORM \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=source=/tmp/.ldflags,target=/tmp/.ldflags,from=version <<'EOT'
  set -ex
  xx-go build -trimpath -ldflags "-s -w $(cat /tmp/.ldflags)" -o /out/operator ./cmd/operator
  xx-verify --static /out/operator
EOT

FROM scratch AS binary
COPY --from=build --link /out/operator /

FROM gcr.io/distroless/static-debian12:nonroot AS image
COPY --from=binary --link /operator /usr/local/bin/operator
COPY --chmod=0644 <<EOF /etc/operator/config.yaml
metrics:
  address: ":8081"
leaderElection:
  enabled: true
EOF
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/operator"]
CMD ["--config=/etc/operator/config.yaml"]
