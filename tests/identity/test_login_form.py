"""Login with OAuth's password form: the same answers as with JSON, and as strict."""

import gzip
from typing import Any

import pytest

from reservation.http.input.bodies import FORM, MAX_FORM_FIELDS
from tests.api import PASSWORD, Answer, Api
from tests.conftest import StartApi

RIGHT = f"username=ada%40example.com&password={PASSWORD.replace(' ', '+')}"


async def send(api: Api, form: str | bytes, kind: str = FORM, **headers: str) -> Answer:
    data = form.encode() if isinstance(form, str) else form
    return await api.call("POST", "/auth/login", data=data, headers={"Content-Type": kind, **headers})


async def sign_up(api: Api, email: str = "ada@example.com", password: str = PASSWORD) -> None:
    made = await api.call("POST", "/auth/signup", {"name": "Ada", "email": email, "password": password})
    assert made.status == 201, made.text


def refusal(answer: Answer) -> tuple[int, str, list[str]]:
    return answer.status, answer.code, [error["pointer"] for error in answer.json.get("errors", ())]


@pytest.mark.parametrize(
    "form",
    [
        RIGHT,
        f"grant_type=password&{RIGHT}",
        f"grant_type=&{RIGHT}",
        f"grant_type=password&{RIGHT}&scope=&client_id=&client_secret=",
        f"{RIGHT}&scope=a+b&client_id=swagger&client_secret=hush&state=%00",
        RIGHT.replace("ada%40example.com", "ADA@Example.com"),
        f"&&{RIGHT}&",
    ],
)
async def test_a_form_logs_in(api: Api, form: str) -> None:
    await sign_up(api)
    answer = await send(api, form)
    assert answer.status == 200, answer.text
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.headers["Cache-Control"] == "no-store"
    me = await api.call("GET", "/auth/me", headers={"Authorization": f"Bearer {answer.json['access_token']}"})
    assert me.json["email"] == "ada@example.com"


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", f'{FORM};charset="UTF-8"', FORM.upper()])
@pytest.mark.parametrize("spelt", ["p%C3%A4ss+w%26rd%2B%25", "päss+w%26rd%2b%25"])
async def test_a_password_with_special_characters_survives_the_form(api: Api, kind: str, spelt: str) -> None:
    await sign_up(api, password="päss w&rd+%")
    answer = await send(api, f"username=ada@example.com&password={spelt}", kind)
    assert answer.status == 200, answer.text


async def test_wrong_credentials_by_form_are_a_problem_with_an_oauth_error(api: Api) -> None:
    await sign_up(api)
    for form in (RIGHT + "x", RIGHT.replace("ada", "nobody")):
        answer = await send(api, form)
        assert refusal(answer) == (401, "invalid_credentials", [])
        assert answer.json["error"] == "invalid_grant"
        assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("form", "status", "code", "pointers"),
    [
        ("", 422, "validation_error", ["/username", "/password"]),
        ("username=ada%40example.com", 422, "validation_error", ["/password"]),
        ("username=ada%40example.com&password=", 422, "validation_error", ["/password"]),
        ('{"email":"ada@example.com"}', 422, "validation_error", ["/username", "/password"]),
        ("email=ada%40example.com&password=x", 422, "validation_error", ["/username"]),
        (f"{RIGHT}&username=b", 422, "validation_error", ["/username"]),
        (f"{RIGHT}&password=", 422, "validation_error", ["/password"]),
        (f"{RIGHT}&a%2Fb~=1&a%2Fb~=2", 422, "validation_error", ["/a~1b~0"]),
        (f"{RIGHT}&grant_type=client_credentials", 422, "validation_error", ["/grant_type"]),
        (f"{RIGHT}&grant_type=refresh_token", 422, "validation_error", ["/grant_type"]),
        ("username=a%00&password=x", 422, "validation_error", ["/username"]),
        ("username=a&password=x%00y", 422, "validation_error", ["/password"]),
        (b"username=a&password=x\0y", 422, "validation_error", ["/password"]),
        ("username=+&password=x", 422, "validation_error", ["/username"]),
        ("username=" + "a" * 255 + "&password=x", 422, "validation_error", ["/username"]),
        ("username=a&password=" + "x" * 1025, 422, "validation_error", ["/password"]),
        ("username=a%4&password=x", 400, "invalid_form", []),
        ("username=a%zz&password=x", 400, "invalid_form", []),
        ("username=a&password=100%", 400, "invalid_form", []),
        ("username=a&password=%FF", 400, "invalid_form", []),
        ("username=a&password=%ED%A0%80", 400, "invalid_form", []),
        (b"username=a&password=\xff", 400, "invalid_form", []),
        (RIGHT.encode("utf-16"), 400, "invalid_form", []),
        ("&".join(f"f{number}=1" for number in range(MAX_FORM_FIELDS + 1)), 400, "invalid_form", []),
    ],
)
async def test_an_invalid_form_is_refused(
    api: Api, form: str | bytes, status: int, code: str, pointers: list[str]
) -> None:
    await sign_up(api)
    assert refusal(await send(api, form)) == (status, code, pointers)


@pytest.mark.parametrize("kind", [f"{FORM}; charset=iso-8859-1", f"{FORM}; charset=utf-16", f"{FORM}; charset=x"])
async def test_a_form_in_another_charset_is_415(api: Api, kind: str) -> None:
    assert refusal(await send(api, RIGHT, kind)) == (415, "unsupported_media_type", [])


async def test_a_large_form_is_413(start_api: StartApi) -> None:
    api = await start_api(MAX_BODY_BYTES="4096")
    await sign_up(api)
    assert refusal(await send(api, f"{RIGHT}&scope={'a' * 4096}")) == (413, "payload_too_large", [])
    bomb = gzip.compress(f"{RIGHT}&scope={'a' * 1_000_000}".encode())
    assert len(bomb) < 4096
    assert refusal(await send(api, bomb, **{"Content-Encoding": "gzip"})) == (413, "payload_too_large", [])
    broken = await send(api, b"nonsense", **{"Content-Encoding": "gzip", "Connection": "close"})
    assert refusal(broken) == (400, "malformed_request", [])
    assert (await send(api, gzip.compress(RIGHT.encode()), **{"Content-Encoding": "gzip"})).status == 200


async def test_another_content_type_is_415(api: Api) -> None:
    for kind in ("multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded-too"):
        assert refusal(await send(api, RIGHT, kind)) == (415, "unsupported_media_type", [])


@pytest.mark.parametrize("path", ["/auth/signup", "/auth/refresh", "/auth/logout"])
async def test_a_form_to_another_auth_path_is_415(api: Api, path: str) -> None:
    answer = await api.call("POST", path, data=b"refresh_token=x", headers={"Content-Type": FORM})
    assert refusal(answer) == (415, "unsupported_media_type", [])


async def test_openapi_documents_json_and_the_form(api: Api) -> None:
    made: dict[str, Any] = (await api.call("GET", "/openapi.json")).json
    assert {*made["paths"]["/auth/login"]["post"]["requestBody"]["content"]} == {"application/json", FORM}
    schema = made["components"]["schemas"]["LoginFormInput"]
    assert (set(schema["properties"]), set(schema["required"])) == (
        {"grant_type", "username", "password", "totp_code"},
        {"username", "password"},
    )
    assert "additionalProperties" not in schema
    schemes = made["components"]["securitySchemes"]
    [password] = [name for name, scheme in schemes.items() if scheme["type"] == "oauth2"]
    assert schemes[password]["flows"] == {"password": {"tokenUrl": "/auth/login", "scopes": {}}}
    assert {password: []} in made["paths"]["/auth/me"]["get"]["security"]
