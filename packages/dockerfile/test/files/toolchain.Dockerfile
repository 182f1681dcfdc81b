# A cross toolchain out of sources: long commands, many continuations, comments between them.
FROM debian:trixie AS fetch
ARG BINUTILS=2.44
ARG GCC=15.1.0
ARG MUSL=1.2.5
ADD --checksum=sha256:0cdd76777a0dfd3dd3a63f215f030208ddb91c2361d2bcc02acec0f1c16b6a2e https://ftp.example.org/gnu/binutils/binutils-${BINUTILS}.tar.xz /src/
ADD --unpack=true --chown=0:0 https://ftp.example.org/gnu/gcc/gcc-${GCC}.tar.xz /src/gcc
ADD --keep-git-dir=true https://git.example.org/musl.git#v${MUSL} /src/musl
SHELL ["/bin/bash", "-o", "pipefail", "-euc"]
RUN export DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install -y --no-install-recommends \
      # for the compilers
      gcc g++ make bison flex texinfo \
      # for the math libraries
      libgmp-dev libmpfr-dev libmpc-dev libisl-dev \
      # for archives
      xz-utils bzip2 zstd; \
    rm -rf /var/lib/apt/lists/*

FROM fetch AS binutils
RUN mkdir -p /build/binutils && cd /build/binutils \
 && /src/binutils/configure \
      --prefix=/opt/cross \
      --target=x86_64-linux-musl \
      --with-sysroot=/opt/cross/x86_64-linux-musl \
      --disable-nls --disable-werror --enable-deterministic-archives \
 && make -j"$(nproc)" \
 && make install-strip

FROM binutils AS gcc
RUN --security=insecure --network=none mkdir -p /build/gcc && cd /build/gcc \
 && for patch in /src/patches/*.diff; do \
      patch -d /src/gcc -p1 < "$patch"; \
    done \
 && /src/gcc/configure --prefix=/opt/cross --target=x86_64-linux-musl --enable-languages=c,c++ \
      --disable-multilib --disable-libsanitizer --with-sysroot=/opt/cross/x86_64-linux-musl \
 && make -j"$(nproc)" all-gcc && make install-strip-gcc
RUN <<SCRIPT
#!/usr/bin/env python3
import os, pathlib
for path in pathlib.Path("/opt/cross").rglob("*.la"):
    os.unlink(path)
print(f"done: {os.environ.get('GCC', '?')}")
SCRIPT

FROM scratch
COPY --from=gcc /opt/cross /
