"""The settings: defaults, bounds, combinations, and that .env.example describes each one."""

from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from dotenv import dotenv_values

from reservation.settings import WELL_KNOWN_SECRETS, InvalidSettings, Settings
from reservation.settings.environment import OTHER_SERVERS

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef"
STORES = {"DATABASE_URL": "postgresql://localhost/cinema", "REDIS_URL": "redis://localhost", "JWT_SECRET": SECRET}

# Each with its field, the factor from its unit to the field's, its default and its bounds.
NUMBERS = [
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "access_token_ttl_s", 60, 30, 1, 1440),
    ("REFRESH_TOKEN_EXPIRE_DAYS", "refresh_token_ttl_s", 86_400, 7, 1, 365),
    ("SESSION_MAX_DAYS", "session_max_s", 86_400, 90, 1, 3650),
    ("REAUTHENTICATION_MINUTES", "reauthentication_s", 60, 30, 0, 10_080),
    ("API_KEY_EXPIRE_DAYS", "api_key_ttl_s", 86_400, 365, 0, 3650),
    ("HOLD_TTL_SECONDS", "hold_ttl_s", 1, 600, 1, 86_400),
    ("HOLD_MAX_SECONDS", "hold_max_s", 1, 1800, 1, 604_800),
    ("MAX_SEATS_PER_HOLD", "max_seats_per_hold", 1, 10, 1, 100),
    ("MAX_HOLDS_PER_USER", "max_holds_per_user", 1, 4, 0, 10_000),
    ("MAX_SEATS_PER_USER_PER_SHOWTIME", "max_seats_per_user_per_showtime", 1, 20, 0, 100_000),
    ("HOLDS_PER_MINUTE_PER_ADDRESS", "holds_per_minute_per_address", 1, 600, 0, 1_000_000),
    ("HELD_SEATS_PER_ADDRESS", "held_seats_per_address", 1, 40, 0, 1000),
    ("MAX_UNCONFIRMED_HOLDS_OF_SEAT", "max_unconfirmed_holds_of_seat", 1, 3, 0, 10_000),
    ("COOLING_OFF_MINUTES", "cooling_off_s", 60, 120, 1, 1440),
    ("IDEMPOTENCY_KEYS_PER_DAY", "idempotency_keys_per_day", 1, 10_000, 0, 100_000_000),
    ("ADMISSIONS_PER_SECOND", "admissions_per_second", 1, 50, 1, 10_000),
    ("ADMISSION_MINUTES", "admission_ttl_s", 60, 10, 1, 1440),
    ("WAITING_PLACES_PER_ADDRESS", "waiting_places_per_address", 1, 100, 0, 10_000),
    ("CANCEL_CUTOFF_MINUTES", "cancel_cutoff_s", 60, 0, 0, 525_600),
    ("CLEANING_MINUTES", "cleaning_s", 60, 0, 0, 1440),
    ("REMINDER_HOURS", "reminder_s", 3600, 24, 0, 168),
    ("LOGIN_WINDOW_MINUTES", "login_window_s", 60, 15, 1, 1440),
    ("LOGIN_FAILURES", "login_failures", 1, 10, 0, 100_000),
    ("LOGIN_FAILURES_PER_ACCOUNT", "login_failures_per_account", 1, 100, 0, 100_000),
    ("LOGIN_FAILURES_PER_ADDRESS", "login_failures_per_address", 1, 300, 0, 100_000),
    ("SIGNUPS_PER_MINUTE_PER_ADDRESS", "signups_per_minute_per_address", 1, 600, 0, 100_000),
    ("MAX_BODY_BYTES", "max_body_bytes", 1, 1_048_576, 1024, 67_108_864),
    ("BODY_SECONDS", "body_s", 1, 10, 1, 600),
    ("BODY_BUFFER_BYTES", "body_buffer_bytes", 1, 67_108_864, 1_048_576, 8_589_934_592),
    ("CONNECTIONS_PER_ADDRESS", "connections_per_address", 1, 1000, 0, 1_000_000),
    ("LISTEN_BACKLOG", "listen_backlog", 1, 1024, 1, 65_535),
    ("POOL_SIZE", "pool_size", 1, 10, 1, 1000),
    ("POOL_WAIT_SECONDS", "pool_wait_s", 1, 5, 1, 60),
    ("QUEUE_DELAY_MS", "queue_delay_ms", 1, 100, 0, 10_000),
    ("STATEMENT_TIMEOUT_SECONDS", "statement_timeout_s", 1, 5, 1, 600),
    ("REDIS_WAIT_MILLISECONDS", "redis_wait_ms", 1, 150, 20, 10_000),
    ("SHUTDOWN_SECONDS", "shutdown_s", 1, 10, 1, 600),
    ("WORKER_HANG_SECONDS", "worker_hang_s", 1, 4, 0, 600),
    ("STOP_DELAY_SECONDS", "stop_delay_s", 1, 2, 0, 600),
    ("API_KEY_CONCURRENCY", "api_key_concurrency", 1, 32, 1, 10_000),
    ("REPORTS_CONCURRENCY", "reports_concurrency", 1, 2, 1, 1000),
    ("LIVE_VIEWERS_MAX", "live_viewers_max", 1, 10_000, 0, 1_000_000),
    ("STREAMS_PER_ADDRESS", "streams_per_address", 1, 500, 0, 1_000_000),
    ("SSE_HEARTBEAT_SECONDS", "sse_heartbeat_s", 1, 15, 1, 600),
]


def known_names() -> set[str]:
    """Every variable that Settings reads, but for NAME_FILE of secrets."""
    return {variable.name for variable in Settings.variables().values()}


SECRETS = sorted(variable.name for variable in Settings.variables().values() if variable.is_secret)


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file `.env` of the current folder, which is not there yet; the environment has no settings."""
    for name in known_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


def refusal(**environ: str) -> str:
    """Why these settings are refused."""
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_env(environ)
    return str(refused.value)


def test_every_field_has_a_setting() -> None:
    assert len(known_names()) == len(fields(Settings))


def test_example_names_every_setting_and_no_other() -> None:
    assert dotenv_values(ROOT / ".env.example").keys() == known_names()


def test_example_shows_the_defaults(dotenv: Path) -> None:
    defaults = Settings.from_env()
    dotenv.write_text((ROOT / ".env.example").read_text())
    assert Settings.from_env() == defaults


def test_example_explains_every_setting() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    explained = {line.partition("=")[0] for before, line in pairwise(lines) if before[:2] == "# "}
    assert known_names() <= explained


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_env({})
    assert settings.embedded
    assert (settings.database_url, settings.redis_url, settings.jwt_secret) == (None, None, None)
    assert (settings.migrate_database_url, settings.pgbouncer) == (None, False)
    assert (settings.admin_email, settings.admin_password) == (None, None)
    assert settings.trusted_proxies == ()
    assert (settings.currency, settings.cors_origins) == ("USD", ())
    assert (settings.log_level, settings.access_log) == ("info", True)
    assert (settings.postgres_bin_dir, settings.valkey_server) == (None, None)
    assert (settings.database_role, settings.sql_dir) == (None, None)


@pytest.mark.parametrize(("name", "field", "factor", "default", "low", "high"), NUMBERS)
def test_a_number_has_a_unit_and_bounds(name: str, field: str, factor: int, default: int, low: int, high: int) -> None:
    assert getattr(Settings.from_env({}), field) == default * factor
    for value in (low, high):
        assert getattr(Settings.from_env({name: f" {value} "}), field) == value * factor
    for value in (low - 1, high + 1):
        assert refusal(**{name: str(value)}) == f"{name} must be between {low} and {high}, not {value}"
    for text in ("many", "1.5", "1e3", "0x10"):
        assert refusal(**{name: text}) == f"{name} must be a whole number, not {text!r}"


@pytest.mark.parametrize("name", sorted(known_names() - {"DATABASE_URL", "REDIS_URL"}))
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert Settings.from_env({name: "  "}) == Settings.from_env({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIGRATE_DATABASE_URL", "localhost"),
        ("PGBOUNCER", "2"),
        ("DATABASE_URL", "mysql://localhost/cinema"),
        ("DATABASE_URL", "localhost"),
        ("REDIS_URL", "http://localhost"),
        ("JWT_SECRET", "too-short"),
        ("CURRENCY", "usd"),
        ("CURRENCY", "EURO"),
        ("CURRENCY", "ÄÖÜ"),
        ("CORS_ORIGINS", "example.org"),
        ("CORS_ORIGINS", "https://example.org, null"),
        *(
            ("CORS_ORIGINS", origin)
            for origin in (
                "https://example.org/path",
                "https://*.example.org",
                "https://Example.org",
                "https://example.org:443",
                "https://app.b\u00fccher.example",
                "ftp://example.org",
                "https://example.org:x",
            )
        ),
        ("TRUSTED_PROXIES", "proxy.example.org"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("WEBHOOK_ALLOWED_NETWORKS", "receiver.example.org"),
        ("LOG_LEVEL", "loud"),
        ("ACCESS_LOG", "maybe"),
    ],
)
def test_the_error_for_an_invalid_value_names_the_setting(name: str, value: str) -> None:
    assert refusal(**(STORES | {name: value})).startswith(f"{name} ")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p,q@h1:5432,h2:5433/cinema",
        "postgresql://h1,h2:5433/cinema?target_session_attrs=read-write",
        "postgresql:///cinema?host=/run/a,/run/b",
    ],
)
def test_a_database_url_may_list_several_hosts(url: str) -> None:
    settings = Settings.from_env(STORES | {"DATABASE_URL": url, "MIGRATE_DATABASE_URL": url})
    assert (settings.database_url, settings.direct_url) == (url, url)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://h1:5432,h2:none/cinema"),
        ("DATABASE_URL", "postgresql://h1:0,h2/cinema"),
        ("REDIS_URL", "redis://h1:1,h2:2"),
        ("REDIS_URL", "redis+sentinel://h1:1,h2:none/service"),
        ("REDIS_URL", "redis+cluster://h1:1,h2:none"),
    ],
)
def test_an_invalid_list_of_hosts_is_refused(name: str, url: str) -> None:
    assert refusal(**(STORES | {name: url})).startswith(f"{name} must be a URL such as ")


@pytest.mark.parametrize("scheme", ["redis+sentinel", "rediss+sentinel"])
def test_sentinels_are_listed_with_the_service_that_they_watch(scheme: str) -> None:
    url = f"{scheme}://user:pw@h1:26379,h2/service?db=1"
    assert Settings.from_env(STORES | {"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("rest", ["h1:26379", "h1:26379/", "h1/a/b", "/service"])
def test_sentinels_without_a_service_or_a_host_are_refused(rest: str) -> None:
    told = refusal(**(STORES | {"REDIS_URL": f"redis+sentinel://{rest}"}))
    assert told == "REDIS_URL must name Sentinels and a service: redis+sentinel://host1,host2:26379/service"


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_nodes_of_a_cluster_are_listed(scheme: str) -> None:
    url = f"{scheme}://user:pw@h1:6379,h2?socket_timeout=1"
    assert Settings.from_env(STORES | {"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("rest", ["", "h1:6379/service", "h1/0", "h1?db=0", "h1?db=1"])
def test_a_cluster_without_a_host_or_with_a_database_is_refused(rest: str) -> None:
    told = refusal(**(STORES | {"REDIS_URL": f"redis+cluster://{rest}"}))
    assert told == "REDIS_URL must name nodes and no database: redis+cluster://host1:6379,host2:6379"


def test_the_error_for_an_invalid_url_does_not_repeat_it() -> None:
    assert "hunter2" not in refusal(**(STORES | {"DATABASE_URL": "mysql://cinema:hunter2@localhost/cinema"}))


def test_one_url_of_the_two_stores_is_refused() -> None:
    assert refusal(DATABASE_URL=STORES["DATABASE_URL"]).startswith("REDIS_URL ")
    assert refusal(REDIS_URL=STORES["REDIS_URL"]).startswith("DATABASE_URL ")
    assert not Settings.from_env(STORES).embedded


@pytest.mark.parametrize(
    "given",
    [
        {"PGBOUNCER": "1"},
        {"MIGRATE_DATABASE_URL": STORES["DATABASE_URL"]},
        {"DATABASE_READ_URL": STORES["DATABASE_URL"]},
    ],
)
def test_pgbouncer_without_database_url_is_refused(given: dict[str, str]) -> None:
    assert refusal(**given).startswith("DATABASE_URL is not set: PGBOUNCER, MIGRATE_DATABASE_URL and DATABASE_READ")
    Settings.from_env(STORES | given)


def test_database_role_with_pgbouncer_is_refused() -> None:
    told = refusal(**STORES, PGBOUNCER="1", DATABASE_ROLE="reservation_app")
    assert told.startswith("DATABASE_ROLE does not go with PGBOUNCER")
    assert "a member of reservation_app" in told


def test_migrations_behind_pgbouncer_need_migrate_database_url() -> None:
    direct = {"MIGRATE_DATABASE_URL": "postgresql://localhost/direct"}
    assert Settings.from_env(STORES).direct_url == STORES["DATABASE_URL"]
    for more in (direct, direct | {"PGBOUNCER": "1"}):
        assert Settings.from_env(STORES | more).direct_url == "postgresql://localhost/direct"
    with pytest.raises(InvalidSettings, match=r"^MIGRATE_DATABASE_URL is not set: .* --no-migrate"):
        _ = Settings.from_env(STORES | {"PGBOUNCER": "1"}).direct_url


@pytest.mark.parametrize("given", ["ADMIN_EMAIL", "ADMIN_PASSWORD"])
def test_one_of_admin_email_and_password_is_refused(given: str) -> None:
    told = refusal(**{given: "somebody@example.com"})
    assert "ADMIN_EMAIL" in told
    assert "ADMIN_PASSWORD" in told


def test_jwt_secret_is_required_with_database_url() -> None:
    assert refusal(DATABASE_URL=STORES["DATABASE_URL"], REDIS_URL=STORES["REDIS_URL"]).startswith("JWT_SECRET ")


@pytest.mark.parametrize("secret", sorted(WELL_KNOWN_SECRETS))
@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_a_well_known_jwt_secret_is_refused(secret: str, spelling: Callable[[str], str]) -> None:
    for environ in (STORES, {}):
        told = refusal(**(environ | {"JWT_SECRET": spelling(secret)}))
        assert told.startswith("JWT_SECRET is a well-known example")


def test_the_length_of_jwt_secret_is_in_bytes() -> None:
    umlauts = "äöüßÄÖÜ€éèêëïîôû"
    assert Settings.from_env({"JWT_SECRET": umlauts}).jwt_secret == umlauts
    assert refusal(JWT_SECRET="x" * 31).startswith("JWT_SECRET is shorter than 32 bytes")


@pytest.mark.parametrize("secret", ["x" * 64, "ab" * 32, "1234567" * 8])
def test_a_jwt_secret_of_few_different_characters_is_refused(secret: str) -> None:
    for environ in (STORES, {}):
        assert "has fewer than 8 different characters" in refusal(**(environ | {"JWT_SECRET": secret}))
    assert "different characters" in refusal(JWT_SECRET=f"{'0123456789abcdef' * 2},{secret}")


def test_every_secret_of_jwt_secret_is_checked() -> None:
    first, second = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    assert Settings.from_env({"JWT_SECRET": f" {first} , {second},"}).jwt_secrets == (first, second)
    assert refusal(JWT_SECRET=f"{first},short").startswith("JWT_SECRET is shorter than 32 bytes")
    assert refusal(JWT_SECRET=f"{first},{min(WELL_KNOWN_SECRETS)}").startswith("JWT_SECRET is a well-known example")


def test_lists_and_paths_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env(
        {
            "CORS_ORIGINS": "https://a.example/, http://localhost:3000, http://[::1]:80, http://127.0.0.1,",
            "DATA_DIR": "here",
            "POSTGRES_BIN_DIR": "bin",
        }
    )
    assert settings.cors_origins == (
        "https://a.example",
        "http://localhost:3000",
        "http://[::1]:80",
        "http://127.0.0.1",
    )
    assert settings.data_dir == tmp_path / "here"
    assert settings.postgres_bin_dir == tmp_path / "bin"


def test_trusted_proxies_are_addresses_and_networks() -> None:
    found = Settings.from_env({"TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7,fd00::/8,"}).trusted_proxies
    assert [str(network) for network in found] == ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]


def test_the_environment_has_precedence_over_the_env_file(dotenv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv.write_text("HOLD_TTL_SECONDS=60\nCURRENCY=EUR\n")
    monkeypatch.setenv("CURRENCY", "CHF")
    settings = Settings.from_env()
    assert (settings.hold_ttl_s, settings.currency) == (60, "CHF")
    assert {name: source for name, (_, source) in Settings.given().items()} == {
        "HOLD_TTL_SECONDS": ".env",
        "CURRENCY": "environment",
    }


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_can_be_given_as_a_file(name: str, tmp_path: Path) -> None:
    values = STORES | {"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": "correct horse battery staple"}
    values["MIGRATE_DATABASE_URL"] = "postgresql://localhost/direct"
    values["TICKET_SIGNING_KEYS"] = SECRET
    values["METRICS_TOKEN"] = SECRET
    values["DATABASE_READ_URL"] = "postgresql://localhost/replica"
    values |= {"SMTP_URL": "smtp://box:secret@localhost", "MAIL_FROM": "box@example.org"}
    values |= {
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "PUBLIC_URL": "https://example.org",
    }
    secret = tmp_path / "a secret"
    secret.write_text(values[name] + "\n")
    as_file = {other: text for other, text in values.items() if other != name} | {f"{name}_FILE": str(secret)}
    assert Settings.from_env(as_file) == Settings.from_env(values)


def test_tickets_are_signed_with_keys_of_their_own_or_with_those_of_the_tokens() -> None:
    first, second = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    assert Settings.from_env(STORES).ticket_secrets == (SECRET,)
    assert Settings.from_env(STORES | {"TICKET_SIGNING_KEYS": f"{first},{second}"}).ticket_secrets == (first, second)
    assert refusal(**STORES, TICKET_SIGNING_KEYS=f"{first},short").startswith("TICKET_SIGNING_KEYS is shorter than")
    for weak in ("a" * 32, "abcdefg" * 5):
        told = refusal(**STORES, TICKET_SIGNING_KEYS=f"{first},{weak}")
        assert told.startswith("TICKET_SIGNING_KEYS, or one of its secrets, has fewer than 8 different characters")
    told = refusal(**STORES, TICKET_SIGNING_KEYS=f"{first},{min(WELL_KNOWN_SECRETS).upper()}")
    assert told.startswith("TICKET_SIGNING_KEYS is a well-known example")


def test_a_metrics_token_that_is_short_is_refused() -> None:
    assert refusal(**STORES, METRICS_TOKEN="x" * 15).startswith("METRICS_TOKEN has fewer than 16 characters")
    assert Settings.from_env(STORES | {"METRICS_TOKEN": "x" * 16}).metrics_token == "x" * 16


@pytest.mark.parametrize(
    "mail_from", ["box@example.org", "Box Office <box@example.org>", '"Box, Office" <b@example.org>']
)
def test_mails_come_from_one_address(mail_from: str) -> None:
    values = STORES | {"SMTP_URL": "smtps://mail.example.org", "MAIL_FROM": mail_from}
    assert Settings.from_env(values).mail_from == mail_from


@pytest.mark.parametrize(
    "mail_from",
    ["box", "box@", "a@example.org, b@example.org", "Box <>", "B\nX: y <a@example.org>"],
)
def test_other_senders_of_mails_are_refused(mail_from: str) -> None:
    assert refusal(**STORES, MAIL_FROM=mail_from).startswith("MAIL_FROM ")


def test_a_mail_server_needs_a_sender_and_its_url_is_not_repeated() -> None:
    assert refusal(**STORES, SMTP_URL="smtp://box:secret@localhost").startswith("MAIL_FROM is not set")
    told = refusal(**STORES, SMTP_URL="https://box:secret@localhost", MAIL_FROM="a@example.org")
    assert told.startswith("SMTP_URL ")
    assert "secret" not in told


def test_secrets_are_the_urls_of_stores_and_what_nobody_may_read() -> None:
    assert {"DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "JWT_SECRET", "ADMIN_PASSWORD", "SMTP_URL"} <= set(
        SECRETS
    )


def test_a_secret_in_the_environment_hides_the_file_that_the_env_file_names(
    dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv.write_text("JWT_SECRET_FILE=not there\n")
    monkeypatch.setenv("JWT_SECRET", SECRET)
    assert Settings.from_env().jwt_secret == SECRET


def test_a_secret_file_that_cannot_serve_is_refused(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text(" \n")
    binary.write_bytes(b"\xff\xfe")
    assert refusal(JWT_SECRET_FILE=str(empty)) == f"JWT_SECRET_FILE is empty: {empty}"
    assert refusal(JWT_SECRET_FILE=str(binary)) == f"JWT_SECRET_FILE is not text in UTF-8: {binary}"
    assert refusal(JWT_SECRET_FILE=str(tmp_path / "none")).endswith("/none: No such file or directory")
    both = refusal(JWT_SECRET=SECRET, JWT_SECRET_FILE=str(empty))
    assert both == "JWT_SECRET and JWT_SECRET_FILE are both set: set one of them"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("REDIS_URLS", "REDIS_URL"),
        ("HOLD_TTL_SECS", "HOLD_TTL_SECONDS"),
        ("hold_ttl_seconds", "HOLD_TTL_SECONDS"),
        ("MAX_SEAT_PER_HOLD", "MAX_SEATS_PER_HOLD"),
        ("JWT_SECRET_FILES", "JWT_SECRET_FILE"),
        ("CURRENCY_FILE", None),
    ],
)
def test_a_misspelt_setting_in_the_environment_is_refused(name: str, meant: str | None) -> None:
    if meant is None:  # not a secret, and like no setting: another program's
        Settings.from_env({name: "x"})
        return
    assert refusal(**{name: "x"}).startswith(f"{name} is not a setting: did you mean {meant}? ")
    Settings.from_env({name: "x", "OTHER_VARIABLES": f"SOMETHING, {name}"})


def test_variables_of_other_programs_are_ignored() -> None:
    others = (
        "TEST_DATABASE_URL",
        "DATABASE_NAME",
        "REDIS_TLS_URL",
        "REDIS_PORT_6379_TCP",
        "LOG_DIR",
        "XDG_DATA_DIRS",
        "EMAIL_FROM",
    )
    assert Settings.from_env(dict.fromkeys(others, "x")) == Settings.from_env({})


def test_an_unknown_name_in_the_env_file_is_refused(dotenv: Path) -> None:
    dotenv.write_text("HOLD_SECONDS=60\n")
    with pytest.raises(InvalidSettings, match=r"^HOLD_SECONDS in \.env is not a setting: did you mean HOLD_\w+\?$"):
        Settings.from_env()
    dotenv.write_text("SOMETHING_ELSE=60\n")
    with pytest.raises(InvalidSettings, match=r"^SOMETHING_ELSE in \.env is not a setting: `reservation config`"):
        Settings.from_env()
    dotenv.write_text("POSTGRES_PASSWORD=60\nCOMPOSE_PROJECT_NAME=cinema\nPORT=80\n")
    Settings.from_env()


@pytest.mark.parametrize("name", OTHER_SERVERS)
def test_embedded_servers_are_refused_where_another_server_is_named(name: str) -> None:
    assert refusal(**{name: "db.example.com"}).startswith(f"{name} is set, but DATABASE_URL and REDIS_URL are not: ")
    Settings.from_env(STORES | {name: "db.example.com"})
    assert Settings.from_env({name: "x", "DATABASE_URL": "embedded", "REDIS_URL": "embedded"}).embedded


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_an_empty_url_in_the_environment_is_refused(name: str) -> None:
    assert refusal(**{name: ""}).startswith(f"{name} is empty: give a URL, or the word embedded")


def test_the_word_embedded_hides_the_servers_of_the_env_file(dotenv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in STORES.items()))
    assert not Settings.from_env().embedded
    monkeypatch.setenv("DATABASE_URL", "embedded")
    with pytest.raises(InvalidSettings, match=r"^DATABASE_URL is not set"):
        Settings.from_env()
    monkeypatch.setenv("REDIS_URL", "embedded")
    assert Settings.from_env().embedded


def test_stripe_needs_its_two_secrets_and_the_address_to_come_back_to() -> None:
    assert refusal(**STORES, PAYMENT_PROVIDER="stripe").startswith("STRIPE_SECRET_KEY is not set")
    assert refusal(**STORES, STRIPE_SECRET_KEY="sk_1").startswith("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET go")
    both = {"STRIPE_SECRET_KEY": "sk_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
    assert refusal(**STORES, **both).startswith("PUBLIC_URL is not set")
    assert Settings.from_env(STORES | both | {"PUBLIC_URL": "https://example.org"}).payment_provider == "none"
    assert refusal(**STORES, PAYMENT_PROVIDER="cash").startswith("PAYMENT_PROVIDER must be one of")
