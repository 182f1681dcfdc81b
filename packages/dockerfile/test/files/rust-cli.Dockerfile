ARG RUST=1.88
FROM rust:${RUST}-slim AS chef
RUN cargo install cargo-chef --locked
WORKDIR /work

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /work/recipe.json recipe.json
# Dependencies first: they change once a month, the sources every hour.
RUN cargo chef cook --release --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --bin indexer \
    && strip target/release/indexer

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get upgrade -y \
    && apt-get install -y ca-certificates libssl3 \
    && apt-get clean
COPY --from=builder /work/target/release/indexer /usr/local/bin/
VOLUME ["/var/lib/indexer"]
ENTRYPOINT ["indexer"]
