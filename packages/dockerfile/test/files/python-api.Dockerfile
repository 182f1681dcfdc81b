FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

FROM base AS wheels
RUN apt-get update && apt-get install -y --no-install-recommends \
      build-essential \
      libpq-dev \
      libffi-dev \
      pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /wheels
COPY requirements.txt requirements-dev.txt ./
RUN pip wheel --wheel-dir /wheels/out -r requirements.txt

FROM base AS test
COPY --from=wheels /wheels/out /wheels
RUN pip install --no-index --find-links=/wheels /wheels/*.whl
COPY . /app
WORKDIR /app
RUN pip install -r requirements-dev.txt
RUN python -m pytest -q --maxfail=3 tests/unit

FROM base
ARG UID=10001
ARG GID=10001
RUN groupadd -g "${GID}" api && useradd -m -u "${UID}" -g api api
COPY --from=wheels /wheels/out /wheels
RUN pip install --no-index --find-links=/wheels /wheels/*.whl && rm -rf /wheels
WORKDIR /app
COPY api ./api
COPY migrations ./migrations
COPY alembic.ini gunicorn.conf.py ./
RUN chown -R api:api /app
USER api
EXPOSE 8000
ENV WEB_CONCURRENCY=2 LOG_LEVEL=${LOG_LEVEL:-info}
CMD gunicorn --config gunicorn.conf.py api.main:app
