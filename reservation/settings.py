"""What the service can be told: every setting, its default, its bounds, and the only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from dotenv import dotenv_values

# Secrets that stand in tutorials and example files: a token signed with one of them can be forged by anybody.
# Shorter ones are refused for their length.
WELL_KNOWN_SECRETS = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "a-string-secret-at-least-256-bits-long",
        "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "your-super-secret-jwt-token-with-at-least-32-characters-long",
        "your-256-bit-secret-your-256-bit-secret",
    }
)
HIGHEST_MAX_SEATS = 100  # of one hold, whatever MAX_SEATS_PER_HOLD says
MAX_ATTEMPTS = 100_000  # of any limit on them: Redis keeps the instant of each
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 128
MIN_SECRET_BYTES = 32  # HS256 wants a key at least as long as its output (RFC 7518, 3.2)


class InvalidSettings(Exception):
    """A setting is missing or makes no sense; the message names it and says what is expected."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the service can be told, checked once at the start; units stand last in the names."""

    database_url: str | None
    migrate_database_url: str | None
    pgbouncer: bool
    redis_url: str | None
    jwt_secret: str | None
    access_token_ttl_s: int
    refresh_token_ttl_s: int
    hold_ttl_s: int
    hold_max_s: int
    max_seats_per_hold: int
    cancel_cutoff_s: int
    cleaning_s: int
    currency: str
    admin_email: str | None
    admin_password: str | None
    cors_origins: tuple[str, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    login_window_s: int
    login_failures: int
    login_failures_per_account: int
    login_failures_per_address: int
    signups_per_minute_per_address: int
    max_body_bytes: int
    pool_size: int
    pool_wait_s: float
    statement_timeout_s: float
    shutdown_s: float
    database_role: str | None
    sql_dir: Path | None
    api_key_concurrency: int
    reports_concurrency: int
    live_viewers_max: int
    sse_heartbeat_s: float
    log_level: str
    access_log: bool
    data_dir: Path
    postgres_bin_dir: Path | None
    valkey_server: Path | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment over a `.env` of the current folder; raises InvalidSettings."""
        if environ is None:
            try:
                dotenv = {name: value for name, value in dotenv_values(".env").items() if value is not None}
            except UnicodeDecodeError:
                raise InvalidSettings("the file .env is not text in UTF-8") from None
            environ = {**dotenv, **os.environ}
        read = _Reader(environ)
        settings = cls(
            database_url=read.url("DATABASE_URL", ("postgresql", "postgres")),
            migrate_database_url=read.url("MIGRATE_DATABASE_URL", ("postgresql", "postgres")),
            pgbouncer=read.choice("PGBOUNCER", "0", ("0", "1")) == "1",
            redis_url=read.url("REDIS_URL", ("redis", "rediss", "unix")),
            jwt_secret=read.text("JWT_SECRET"),
            access_token_ttl_s=read.integer("ACCESS_TOKEN_EXPIRE_MINUTES", 30, 1, 1440) * 60,
            refresh_token_ttl_s=read.integer("REFRESH_TOKEN_EXPIRE_DAYS", 7, 1, 365) * 86_400,
            hold_ttl_s=read.integer("HOLD_TTL_SECONDS", 600, 1, 86_400),
            hold_max_s=read.integer("HOLD_MAX_SECONDS", 1800, 1, 604_800),
            max_seats_per_hold=read.integer("MAX_SEATS_PER_HOLD", 10, 1, HIGHEST_MAX_SEATS),
            cancel_cutoff_s=read.integer("CANCEL_CUTOFF_MINUTES", 0, 0, 525_600) * 60,
            cleaning_s=read.integer("CLEANING_MINUTES", 0, 0, 1440) * 60,
            currency=read.currency("CURRENCY", "USD"),
            admin_email=read.text("ADMIN_EMAIL"),
            admin_password=read.text("ADMIN_PASSWORD"),
            cors_origins=read.origins("CORS_ORIGINS"),
            trusted_proxies=read.networks("TRUSTED_PROXIES"),
            login_window_s=read.integer("LOGIN_WINDOW_MINUTES", 15, 1, 1440) * 60,
            login_failures=read.integer("LOGIN_FAILURES", 10, 0, MAX_ATTEMPTS),
            login_failures_per_account=read.integer("LOGIN_FAILURES_PER_ACCOUNT", 100, 0, MAX_ATTEMPTS),
            login_failures_per_address=read.integer("LOGIN_FAILURES_PER_ADDRESS", 300, 0, MAX_ATTEMPTS),
            signups_per_minute_per_address=read.integer("SIGNUPS_PER_MINUTE_PER_ADDRESS", 600, 0, MAX_ATTEMPTS),
            max_body_bytes=read.integer("MAX_BODY_BYTES", 1_048_576, 1024, 67_108_864),
            pool_size=read.integer("POOL_SIZE", 10, 1, 1000),
            pool_wait_s=read.integer("POOL_WAIT_SECONDS", 5, 1, 60),
            statement_timeout_s=read.integer("STATEMENT_TIMEOUT_SECONDS", 5, 1, 600),
            shutdown_s=read.integer("SHUTDOWN_SECONDS", 10, 1, 600),
            database_role=read.text("DATABASE_ROLE"),
            sql_dir=read.path("SQL_DIR"),
            api_key_concurrency=read.integer("API_KEY_CONCURRENCY", 32, 1, 10_000),
            reports_concurrency=read.integer("REPORTS_CONCURRENCY", 2, 1, 1000),
            live_viewers_max=read.integer("LIVE_VIEWERS_MAX", 10_000, 0, 1_000_000),
            sse_heartbeat_s=read.integer("SSE_HEARTBEAT_SECONDS", 15, 1, 600),
            log_level=read.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            access_log=read.choice("ACCESS_LOG", "on", ("on", "off")) == "on",
            data_dir=Path(read.text("DATA_DIR") or ".data").absolute(),
            postgres_bin_dir=read.path("POSTGRES_BIN_DIR"),
            valkey_server=read.path("VALKEY_SERVER"),
        )
        settings._check_pairs()
        return settings

    @property
    def embedded(self) -> bool:
        """Whether the service brings its own PostgreSQL and Valkey."""
        return self.database_url is None

    @property
    def direct_url(self) -> str:
        """Where migrations and commands, which need sessions of their own, find PostgreSQL; raises InvalidSettings."""
        if self.pgbouncer and self.migrate_database_url is None:
            raise InvalidSettings(
                "MIGRATE_DATABASE_URL is not set: name PostgreSQL itself there, as this cannot go through PgBouncer; "
                "`serve --no-migrate` can"
            )
        return self.migrate_database_url or self.database_url or ""

    def _check_pairs(self) -> None:
        if self.embedded and (self.pgbouncer or self.migrate_database_url):
            raise InvalidSettings("DATABASE_URL is not set: PGBOUNCER and MIGRATE_DATABASE_URL only go with it")
        if self.pgbouncer and self.database_role:
            raise InvalidSettings(
                "DATABASE_ROLE does not go with PGBOUNCER, behind which no session keeps a role: let DATABASE_URL name "
                f"a login that is a member of {self.database_role} and nothing else"
            )
        if (self.database_url is None) != (self.redis_url is None):
            missing = "REDIS_URL" if self.redis_url is None else "DATABASE_URL"
            raise InvalidSettings(f"{missing} is not set: set both DATABASE_URL and REDIS_URL, or neither")
        if (self.admin_email is None) != (self.admin_password is None):
            raise InvalidSettings("ADMIN_EMAIL and ADMIN_PASSWORD go together: set both, or neither")
        if self.admin_password is not None:
            check_password("ADMIN_PASSWORD", self.admin_password)
        if self.jwt_secret is not None:
            if self.jwt_secret.lower() in WELL_KNOWN_SECRETS:
                raise InvalidSettings("JWT_SECRET is a well-known example: make one with `openssl rand -hex 32`")
            if len(self.jwt_secret.encode()) < MIN_SECRET_BYTES:
                raise InvalidSettings(
                    f"JWT_SECRET is shorter than {MIN_SECRET_BYTES} bytes: make one with `openssl rand -hex 32`"
                )
        elif not self.embedded:
            raise InvalidSettings("JWT_SECRET is not set: make one with `openssl rand -hex 32`")


def check_password(name: str, password: str) -> None:
    """Raise InvalidSettings, with that name, for a password that sign-up would not take either."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise InvalidSettings(f"{name} must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")


class _Reader:
    """Typed access to environment variables; an empty value counts as unset."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def path(self, name: str) -> Path | None:
        raw = self.text(name)
        return None if raw is None else Path(raw).absolute()

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        raw = self.text(name)
        if raw is None:
            return default
        try:
            value = int(raw)
        except ValueError:
            raise InvalidSettings(f"{name} must be a whole number, not {raw!r}") from None
        if not low <= value <= high:
            raise InvalidSettings(f"{name} must be between {low} and {high}, not {value}")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = (self.text(name) or default).lower()
        if value not in choices:
            raise InvalidSettings(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value

    def currency(self, name: str, default: str) -> str:
        value = self.text(name) or default
        if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
            raise InvalidSettings(f"{name} must be an ISO 4217 code such as USD, not {value!r}")
        return value

    def url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        raw = self.text(name)
        if raw is None:
            return None
        try:
            parts = urlsplit(raw)
            sound = parts.scheme in schemes and (parts.port is None or parts.port > 0)
        except ValueError:
            sound = False
        if not sound:
            raise InvalidSettings(f"{name} must be a URL such as {schemes[0]}://host:port/name")
        return raw

    def origins(self, name: str) -> tuple[str, ...]:
        found = tuple(part.strip().rstrip("/") for part in (self.text(name) or "").split(",") if part.strip())
        for origin in found:
            if origin != "*" and (urlsplit(origin).scheme not in ("http", "https") or not urlsplit(origin).netloc):
                raise InvalidSettings(f"{name} must list origins such as https://example.org, not {origin!r}")
        return found

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        found = [part.strip() for part in (self.text(name) or "").split(",") if part.strip()]
        try:
            return tuple(map(ip_network, found))
        except ValueError as error:
            raise InvalidSettings(f"{name} must list addresses or networks such as 10.0.0.0/8: {error}") from None
