"""Access and refresh tokens: their claims, and forgeries, which are refused."""

import base64
import json
from collections.abc import Callable
from time import time
from typing import Any

import jwt
import pytest

from reservation.identity.tokens import key_id
from tests.api import Api, Person
from tests.conftest import SECRET

Forge = Callable[[dict[str, Any]], str]


def signed(**changes: Any) -> Forge:
    """The claims with some changed, or left out where the change is None; signed with the right secret."""

    def forge(claims: dict[str, Any]) -> str:
        changed = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(changed, SECRET, "HS256")

    return forge


def unsigned(claims: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def tampered(claims: dict[str, Any]) -> str:
    head, body, signature = jwt.encode(claims, SECRET, "HS256").split(".")
    changed = jwt.encode(claims | {"sub": "4711"}, "x" * 32, "HS256").split(".")[1]
    assert changed != body
    return f"{head}.{changed}.{signature}"


FORGERIES: dict[str, Forge] = {
    "another secret": lambda claims: jwt.encode(claims, "x" * 64, "HS256"),
    "no algorithm": unsigned,
    "another algorithm": lambda claims: jwt.encode(claims, SECRET * 2, "HS512"),
    "tampered": tampered,
    "expired": signed(exp=int(time()) - 1),
    "another issuer": signed(iss="https://elsewhere.example"),
    "another audience": signed(aud="another-service"),
    "several audiences": signed(aud=["another-service", "reservation-api"]),
    "another key": lambda claims: jwt.encode(claims, "x" * 64, "HS256", headers={"kid": key_id(SECRET)}),
    "an unknown key": lambda claims: jwt.encode(claims, "x" * 64, "HS256", headers={"kid": "0" * 16}),
    **{f"without {claim}": signed(**{claim: None}) for claim in ("sub", "role", "type", "jti", "iat", "exp")},
    "nobody": signed(sub="somebody"),
    "no kind": signed(type="id"),
    "another kind of jti": signed(jti="1"),
    "number as sub": signed(sub=[1]),
    "expiry in words": signed(exp="tomorrow"),
    "endless": signed(exp=float("inf")),
    "nonsense": lambda _: "a.b.c",
    "empty": lambda _: "",
    "long": lambda _: "a" * 6000,
    "accents": lambda _: "é.é.é",
}


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, SECRET, ["HS256"], issuer="reservation")
    return claims


async def access_is_refused(api: Api, token: str, kind: str = "") -> None:
    for path in ("/auth/me", "/reservations", "/admin/users"):
        refused = await api.call("GET", path, headers={"Authorization": f"Bearer {token}"})
        assert (refused.status, refused.code) == (401, "invalid_token"), f"{kind}: {path}"
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


async def refresh_is_refused(api: Api, token: str, kind: str = "") -> None:
    for path in ("/auth/refresh", "/auth/logout"):
        refused = await api.call("POST", path, {"refresh_token": token})
        assert refused.status in {401, 422}, f"{kind}: {refused.text}"
        assert refused.code == ("invalid_token" if refused.status == 401 else "validation_error")


async def test_tokens_have_the_documented_claims(api: Api) -> None:
    person = await api.sign_up()
    access, refresh = claims_of(person.access_token), claims_of(person.refresh_token)
    for claims in (access, refresh):
        assert (claims["sub"], claims["role"]) == (str(person.id), "user")
    assert (access["type"], access["exp"] - access["iat"]) == ("access", 30 * 60)
    assert (refresh["type"], refresh["exp"] - refresh["iat"]) == ("refresh", 7 * 86_400)
    assert access["jti"] != refresh["jti"]
    for token in (person.access_token, person.refresh_token):
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": key_id(SECRET)}


async def test_tokens_of_earlier_versions_without_issuer_audience_and_key_are_valid_until_they_expire(api: Api) -> None:
    person = await api.sign_up()
    earlier = signed(iss=None, aud=None)
    access, refresh = earlier(claims_of(person.access_token)), earlier(claims_of(person.refresh_token))
    assert (await still_good(api, Person(person.id, person.email, access, refresh))) == (200, 200)


async def test_forged_tokens_are_401(api: Api) -> None:
    person = await api.sign_up()
    for kind, forge in FORGERIES.items():
        await access_is_refused(api, forge(claims_of(person.access_token)), kind)
        await refresh_is_refused(api, forge(claims_of(person.refresh_token)), kind)
    assert (await still_good(api, person)) == (200, 200)


async def test_access_and_refresh_tokens_are_not_interchangeable(api: Api) -> None:
    person = await api.sign_up()
    await access_is_refused(api, person.refresh_token)
    await refresh_is_refused(api, person.access_token)
    await access_is_refused(api, signed(type="access")(claims_of(person.refresh_token)))
    await refresh_is_refused(api, signed(type="refresh")(claims_of(person.access_token)))
    assert (await still_good(api, person)) == (200, 200)


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "", "Token abc", "bearer:abc"])
async def test_another_authorization_scheme_is_401(api: Api, header: str) -> None:
    refused = await api.call("GET", "/auth/me", headers={"Authorization": header})
    assert refused.status == 401
    assert refused.code in {"not_authenticated", "invalid_token"}


async def test_bearer_is_accepted_in_any_case(api: Api) -> None:
    person = await api.sign_up()
    for scheme in ("bearer", "BEARER", "Bearer "):
        answer = await api.call("GET", "/auth/me", headers={"Authorization": f"{scheme} {person.access_token}"})
        assert answer.status == 200


async def still_good(api: Api, person: Person) -> tuple[int, int]:
    me = await api.call("GET", "/auth/me", who=person)
    refreshed = await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    return me.status, refreshed.status
