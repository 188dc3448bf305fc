# The service without its embedded servers: it needs DATABASE_URL, REDIS_URL and JWT_SECRET (see docker-compose.yml).
# Both stages have one image, by version and digest: docs/operator/installation.md says how to raise it.

FROM python:3.12.14-slim-trixie@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
# Dependencies first: these layers are built again only when the lock changes.
COPY deploy/requirements-server.lock ./
RUN python -m venv /opt/reservation \
    && /opt/reservation/bin/python -m pip install --require-hashes --requirement requirements-server.lock
COPY LICENSE README.md pyproject.toml ./
COPY migrations migrations
COPY reservation reservation
COPY sql sql
# The lock has the build backend, so nothing more is downloaded. The image needs neither the backend nor pip.
RUN /opt/reservation/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/reservation/bin/python -m pip install --no-deps --no-index dist/reservation-*.whl \
    && /opt/reservation/bin/python -m pip uninstall --yes setuptools pip

FROM python:3.12.14-slim-trixie@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea
LABEL org.opencontainers.image.title="reservation" \
      org.opencontainers.image.description="A movie reservation service: two-phase seat booking on PostgreSQL and Redis" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 reservation \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reservation
COPY --from=build /opt/reservation /opt/reservation
# Several workers share their metrics in DATA_DIR; with a read-only root file system, mount a tmpfs at /tmp.
ENV PATH=/opt/reservation/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/tmp/reservation
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Ignores proxies that the environment names; raises for an answer other than 200.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["reservation"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--no-migrate"]
