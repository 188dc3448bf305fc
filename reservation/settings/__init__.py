"""The settings: each one's environment variable, default and bounds.

environment.py reads variables and files of secrets; values.py has the parsers of their values. Every package may import
this one, which imports the errors only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from unicodedata import normalize

from .environment import OTHER_VARIABLES, Given, InvalidSettings, read_environment
from .values import (
    Parse,
    choice,
    currency,
    integer,
    mail_from,
    networks,
    origins,
    path,
    ratio,
    redis_url,
    split_list,
    switch,
    text,
    url,
)

__all__ = ["InvalidSettings", "Settings"]

# Secrets from tutorials and example files: anyone can forge a token signed with one of them. Shorter ones are refused
# for their length.
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
PAYMENT_PROVIDERS = ("none", "stripe", "external")
# Those that OpenTelemetry specifies and that need nothing from elsewhere.
OTLP_PROTOCOL = "http/protobuf"  # the only one that is spoken to a collector of traces
SAMPLERS = tuple(
    f"{parent}{root}" for root in ("always_on", "always_off", "traceidratio") for parent in ("", "parentbased_")
)
HIGHEST_MAX_SEATS = 100  # upper bound of MAX_SEATS_PER_HOLD
MAX_ATTEMPTS = 100_000  # upper bound of the login and sign-up limits: Redis stores the time of each attempt
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 128
MIN_SECRET_SYMBOLS = 8  # different characters: 32 random hexadecimal digits have 14 of 16 on average
MIN_TOKEN_CHARS = 16
MIN_SECRET_BYTES = 32  # HS256 requires a key at least as long as its output (RFC 7518, 3.2)


class Env(NamedTuple):
    """Where a setting comes from."""

    name: str
    parse: Parse
    default: str | None = None  # the text that an unset variable stands for
    is_secret: bool = False  # whether it can be given as NAME_FILE, and is hidden where settings are printed


_postgresql_url = url("postgresql", "postgres", several_hosts=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked once at the start; the unit comes last in a name."""

    database_url: Annotated[str | None, Env("DATABASE_URL", _postgresql_url, is_secret=True)]
    migrate_database_url: Annotated[str | None, Env("MIGRATE_DATABASE_URL", _postgresql_url, is_secret=True)]
    database_read_url: Annotated[str | None, Env("DATABASE_READ_URL", _postgresql_url, is_secret=True)]
    read_max_lag_s: Annotated[float, Env("READ_MAX_LAG_SECONDS", integer(1, 3600), "5")]
    pgbouncer: Annotated[bool, Env("PGBOUNCER", switch(off="0", on="1"), "0")]
    redis_url: Annotated[str | None, Env("REDIS_URL", redis_url, is_secret=True)]
    jwt_secret: Annotated[str | None, Env("JWT_SECRET", text, is_secret=True)]
    ticket_signing_keys: Annotated[str | None, Env("TICKET_SIGNING_KEYS", text, is_secret=True)]
    access_token_ttl_s: Annotated[int, Env("ACCESS_TOKEN_EXPIRE_MINUTES", integer(1, 1440, unit_s=60), "30")]
    refresh_token_ttl_s: Annotated[int, Env("REFRESH_TOKEN_EXPIRE_DAYS", integer(1, 365, unit_s=86_400), "7")]
    session_max_s: Annotated[int, Env("SESSION_MAX_DAYS", integer(1, 3650, unit_s=86_400), "90")]
    reauthentication_s: Annotated[int, Env("REAUTHENTICATION_MINUTES", integer(0, 10_080, unit_s=60), "30")]
    admin_totp_required: Annotated[bool, Env("ADMIN_TOTP", switch(off="optional", on="required"), "optional")]
    api_key_ttl_s: Annotated[int, Env("API_KEY_EXPIRE_DAYS", integer(0, 3650, unit_s=86_400), "365")]
    hold_ttl_s: Annotated[int, Env("HOLD_TTL_SECONDS", integer(1, 86_400), "600")]
    hold_max_s: Annotated[int, Env("HOLD_MAX_SECONDS", integer(1, 604_800), "1800")]
    max_seats_per_hold: Annotated[int, Env("MAX_SEATS_PER_HOLD", integer(1, HIGHEST_MAX_SEATS), "10")]
    max_holds_per_user: Annotated[int, Env("MAX_HOLDS_PER_USER", integer(0, 10_000), "4")]
    max_seats_per_user_per_showtime: Annotated[int, Env("MAX_SEATS_PER_USER_PER_SHOWTIME", integer(0, 100_000), "20")]
    holds_per_minute_per_address: Annotated[int, Env("HOLDS_PER_MINUTE_PER_ADDRESS", integer(0, 1_000_000), "600")]
    held_seats_per_address: Annotated[int, Env("HELD_SEATS_PER_ADDRESS", integer(0, 1000), "40")]
    max_unconfirmed_holds_of_seat: Annotated[int, Env("MAX_UNCONFIRMED_HOLDS_OF_SEAT", integer(0, 10_000), "3")]
    cooling_off_s: Annotated[int, Env("COOLING_OFF_MINUTES", integer(1, 1440, unit_s=60), "120")]
    idempotency_keys_per_day: Annotated[int, Env("IDEMPOTENCY_KEYS_PER_DAY", integer(0, 100_000_000), "10000")]
    admissions_per_second: Annotated[int, Env("ADMISSIONS_PER_SECOND", integer(1, 10_000), "50")]
    admission_ttl_s: Annotated[int, Env("ADMISSION_MINUTES", integer(1, 1440, unit_s=60), "10")]
    waiting_places_per_address: Annotated[int, Env("WAITING_PLACES_PER_ADDRESS", integer(0, 10_000), "100")]
    cancel_cutoff_s: Annotated[int, Env("CANCEL_CUTOFF_MINUTES", integer(0, 525_600, unit_s=60), "0")]
    cleaning_s: Annotated[int, Env("CLEANING_MINUTES", integer(0, 1440, unit_s=60), "0")]
    currency: Annotated[str, Env("CURRENCY", currency, "USD")]
    payment_provider: Annotated[str, Env("PAYMENT_PROVIDER", choice(*PAYMENT_PROVIDERS), "none")]
    stripe_secret_key: Annotated[str | None, Env("STRIPE_SECRET_KEY", text, is_secret=True)]
    stripe_webhook_secret: Annotated[str | None, Env("STRIPE_WEBHOOK_SECRET", text, is_secret=True)]
    stripe_api_base: Annotated[str | None, Env("STRIPE_API_BASE", url("https", "http"))]
    admin_email: Annotated[str | None, Env("ADMIN_EMAIL", text)]
    admin_password: Annotated[str | None, Env("ADMIN_PASSWORD", text, is_secret=True)]
    cors_origins: Annotated[tuple[str, ...], Env("CORS_ORIGINS", origins)]
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], Env("TRUSTED_PROXIES", networks)]
    smtp_url: Annotated[str | None, Env("SMTP_URL", url("smtp", "smtps"), is_secret=True)]
    mail_from: Annotated[str | None, Env("MAIL_FROM", mail_from)]
    mail_dir: Annotated[Path | None, Env("MAIL_DIR", path)]
    mail_templates_dir: Annotated[Path | None, Env("MAIL_TEMPLATES_DIR", path)]
    mail_language: Annotated[str, Env("MAIL_LANGUAGE", choice("en", "de"), "en")]
    reminder_s: Annotated[int, Env("REMINDER_HOURS", integer(0, 168, unit_s=3600), "24")]
    site_name: Annotated[str, Env("SITE_NAME", text, "Cinema")]
    public_url: Annotated[str | None, Env("PUBLIC_URL", url("https", "http"))]
    webhook_allowed_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...], Env("WEBHOOK_ALLOWED_NETWORKS", networks)
    ]
    login_window_s: Annotated[int, Env("LOGIN_WINDOW_MINUTES", integer(1, 1440, unit_s=60), "15")]
    login_failures: Annotated[int, Env("LOGIN_FAILURES", integer(0, MAX_ATTEMPTS), "10")]
    login_failures_per_account: Annotated[int, Env("LOGIN_FAILURES_PER_ACCOUNT", integer(0, MAX_ATTEMPTS), "100")]
    login_failures_per_address: Annotated[int, Env("LOGIN_FAILURES_PER_ADDRESS", integer(0, MAX_ATTEMPTS), "300")]
    signups_per_minute_per_address: Annotated[
        int, Env("SIGNUPS_PER_MINUTE_PER_ADDRESS", integer(0, MAX_ATTEMPTS), "600")
    ]
    metrics_token: Annotated[str | None, Env("METRICS_TOKEN", text, is_secret=True)]
    max_body_bytes: Annotated[int, Env("MAX_BODY_BYTES", integer(1024, 67_108_864), "1048576")]
    body_s: Annotated[float, Env("BODY_SECONDS", integer(1, 600), "10")]
    body_buffer_bytes: Annotated[int, Env("BODY_BUFFER_BYTES", integer(1_048_576, 8_589_934_592), "67108864")]
    connections_per_address: Annotated[int, Env("CONNECTIONS_PER_ADDRESS", integer(0, 1_000_000), "1000")]
    listen_backlog: Annotated[int, Env("LISTEN_BACKLOG", integer(1, 65_535), "1024")]
    pool_size: Annotated[int, Env("POOL_SIZE", integer(1, 1000), "10")]
    pool_wait_s: Annotated[float, Env("POOL_WAIT_SECONDS", integer(1, 60), "5")]
    queue_delay_ms: Annotated[int, Env("QUEUE_DELAY_MS", integer(0, 10_000), "100")]
    statement_timeout_s: Annotated[float, Env("STATEMENT_TIMEOUT_SECONDS", integer(1, 600), "5")]
    redis_wait_ms: Annotated[int, Env("REDIS_WAIT_MILLISECONDS", integer(20, 10_000), "150")]
    shutdown_s: Annotated[float, Env("SHUTDOWN_SECONDS", integer(1, 600), "10")]
    worker_hang_s: Annotated[float, Env("WORKER_HANG_SECONDS", integer(0, 600), "4")]
    stop_delay_s: Annotated[float, Env("STOP_DELAY_SECONDS", integer(0, 600), "2")]
    database_role: Annotated[str | None, Env("DATABASE_ROLE", text)]
    sql_dir: Annotated[Path | None, Env("SQL_DIR", path)]
    api_key_concurrency: Annotated[int, Env("API_KEY_CONCURRENCY", integer(1, 10_000), "32")]
    reports_concurrency: Annotated[int, Env("REPORTS_CONCURRENCY", integer(1, 1000), "2")]
    live_viewers_max: Annotated[int, Env("LIVE_VIEWERS_MAX", integer(0, 1_000_000), "10000")]
    streams_per_address: Annotated[int, Env("STREAMS_PER_ADDRESS", integer(0, 1_000_000), "500")]
    sse_heartbeat_s: Annotated[float, Env("SSE_HEARTBEAT_SECONDS", integer(1, 600), "15")]
    log_level: Annotated[str, Env("LOG_LEVEL", choice("debug", "info", "warning", "error"), "info")]
    access_log: Annotated[bool, Env("ACCESS_LOG", switch(off="off", on="on"), "on")]
    otel_endpoint: Annotated[str | None, Env("OTEL_EXPORTER_OTLP_ENDPOINT", url("http", "https"))]
    otel_protocol: Annotated[str, Env("OTEL_EXPORTER_OTLP_PROTOCOL", text, OTLP_PROTOCOL)]
    otel_sdk_disabled: Annotated[bool, Env("OTEL_SDK_DISABLED", switch(off="false", on="true"), "false")]
    otel_service_name: Annotated[str, Env("OTEL_SERVICE_NAME", text, "reservation")]
    otel_traces_sampler: Annotated[str, Env("OTEL_TRACES_SAMPLER", choice(*SAMPLERS), "parentbased_always_on")]
    otel_traces_sampler_arg: Annotated[float, Env("OTEL_TRACES_SAMPLER_ARG", ratio, "1.0")]
    other_variables: Annotated[tuple[str, ...], Env(OTHER_VARIABLES, lambda _, raw: tuple(split_list(raw)))]
    data_dir: Annotated[Path, Env("DATA_DIR", path, ".data")]
    postgres_bin_dir: Annotated[Path | None, Env("POSTGRES_BIN_DIR", path)]
    valkey_server: Annotated[Path | None, Env("VALKEY_SERVER", path)]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """From `environ`, or the process's own over a `.env` of the current folder; raises InvalidSettings."""
        given = cls.given(environ)
        values: dict[str, Any] = {}
        for each, variable in cls.variables().items():
            text = given[variable.name].text if variable.name in given else variable.default
            values[each] = variable.parse(variable.name, text)
        settings = cls(**values)
        settings._check_pairs()
        return settings

    @classmethod
    def variables(cls) -> dict[str, Env]:
        """The environment variable of each field."""
        return {field: annotated.__metadata__[0] for field, annotated in cls.__annotations__.items()}

    @classmethod
    def given(cls, environ: Mapping[str, str] | None = None) -> dict[str, Given]:
        """The text and the source of each setting that is not left at its default; raises InvalidSettings."""
        variables = cls.variables().values()
        secrets = {variable.name for variable in variables if variable.is_secret}
        return read_environment([variable.name for variable in variables], secrets, environ)

    @property
    def embedded(self) -> bool:
        """Whether the service starts its own PostgreSQL and Valkey."""
        return self.database_url is None

    @property
    def mail_folder(self) -> Path:
        """Where mails are written without SMTP_URL."""
        return self.mail_dir or self.data_dir / "mail"

    @property
    def takes_payments(self) -> bool:
        """Whether a reservation that costs something has to be paid before it is confirmed."""
        return self.payment_provider != "none"

    @property
    def traces(self) -> bool:
        """Whether requests are traced."""
        return self.otel_endpoint is not None and not self.otel_sdk_disabled

    @property
    def jwt_secrets(self) -> tuple[str, ...]:
        """The secrets of JWT_SECRET, which are separated by commas: the first signs, all verify."""
        return tuple(split_list(self.jwt_secret))

    @property
    def ticket_secrets(self) -> tuple[str, ...]:
        """The secrets of TICKET_SIGNING_KEYS, or those of JWT_SECRET: the first signs tickets, all verify."""
        return tuple(split_list(self.ticket_signing_keys)) or self.jwt_secrets

    @property
    def direct_url(self) -> str:
        """PostgreSQL itself, for migrations and commands, which need a session; raises InvalidSettings."""
        if self.pgbouncer and self.migrate_database_url is None:
            raise InvalidSettings(
                "MIGRATE_DATABASE_URL is not set: name PostgreSQL itself there, as this cannot go through PgBouncer; "
                "`serve --no-migrate` can"
            )
        return self.migrate_database_url or self.database_url or ""

    def _check_pairs(self) -> None:
        if self.embedded and (self.pgbouncer or self.migrate_database_url or self.database_read_url):
            raise InvalidSettings(
                "DATABASE_URL is not set: PGBOUNCER, MIGRATE_DATABASE_URL and DATABASE_READ_URL only go with it"
            )
        if self.pgbouncer and self.database_role:
            raise InvalidSettings(
                "DATABASE_ROLE does not go with PGBOUNCER, behind which no session keeps a role: let DATABASE_URL name "
                f"a login that is a member of {self.database_role} and nothing else"
            )
        if (self.database_url is None) != (self.redis_url is None):
            missing = "REDIS_URL" if self.redis_url is None else "DATABASE_URL"
            raise InvalidSettings(f"{missing} is not set: set both DATABASE_URL and REDIS_URL, or neither")
        if self.smtp_url is not None and self.mail_from is None:
            raise InvalidSettings("MAIL_FROM is not set: SMTP_URL needs the address that sends the mails")
        self._check_stripe()
        if (self.admin_email is None) != (self.admin_password is None):
            raise InvalidSettings("ADMIN_EMAIL and ADMIN_PASSWORD go together: set both, or neither")
        if self.admin_password is not None:
            check_password("ADMIN_PASSWORD", self.admin_password)
        for name, secrets in (("JWT_SECRET", self.jwt_secret), ("TICKET_SIGNING_KEYS", self.ticket_signing_keys)):
            for secret in split_list(secrets):
                check_signing_secret(name, secret)
        if self.metrics_token is not None and len(self.metrics_token) < MIN_TOKEN_CHARS:
            raise InvalidSettings(
                f"METRICS_TOKEN has fewer than {MIN_TOKEN_CHARS} characters: make one with `openssl rand -hex 32`"
            )
        if not self.jwt_secrets and not self.embedded:
            raise InvalidSettings("JWT_SECRET is not set: make one with `openssl rand -hex 32`")

    def _check_stripe(self) -> None:
        if (self.stripe_secret_key is None) != (self.stripe_webhook_secret is None):
            raise InvalidSettings("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET go together: set both, or neither")
        if self.payment_provider == "stripe" and self.stripe_secret_key is None:
            raise InvalidSettings("STRIPE_SECRET_KEY is not set: PAYMENT_PROVIDER=stripe needs it")
        if self.stripe_secret_key is not None and self.public_url is None:
            raise InvalidSettings("PUBLIC_URL is not set: Stripe sends customers back to it")


def check_password(name: str, password: str) -> None:
    """Raise InvalidSettings, naming the setting, for a password that sign-up would refuse."""
    if not MIN_PASSWORD_CHARS <= len(normalize("NFKC", password)) <= MAX_PASSWORD_CHARS:
        raise InvalidSettings(f"{name} must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")


def check_signing_secret(name: str, secret: str) -> None:
    """Raise InvalidSettings, naming the setting, for a secret that can be found offline by what it has signed."""
    if secret.lower() in WELL_KNOWN_SECRETS:
        raise InvalidSettings(f"{name} is a well-known example: make one with `openssl rand -hex 32`")
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise InvalidSettings(
            f"{name} is shorter than {MIN_SECRET_BYTES} bytes, or one of its secrets is: make one with "
            "`openssl rand -hex 32`"
        )
    if len(set(secret)) < MIN_SECRET_SYMBOLS:
        raise InvalidSettings(
            f"{name}, or one of its secrets, has fewer than {MIN_SECRET_SYMBOLS} different characters: "
            "make one with `openssl rand -hex 32`"
        )
