from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid

import jwt
import pytest

from wce.core.tokens import Claims, Tokens, csrf_token, token_hash
from wce.errors import WceError

SECRET = "an example key of 32 bytes or more"
CENV = str(uuid.UUID(int=1))
NOW = 1_700_000_000


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET)


def signed(header: dict[str, object], claims: object, secret: str = SECRET) -> str:
    """A token put together by hand, because the library will not make bad ones."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    body = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).rstrip(b"=")
    return (body + b"." + signature).decode()


def claims(**changes: object) -> dict[str, object]:
    said = {"aud": CENV, "sub": "7", "jti": "abc", "iat": NOW, "exp": NOW + 60} | changes
    return {name: value for name, value in said.items() if value is not None}


HS256 = {"alg": "HS256", "typ": "JWT"}


def test_what_is_issued_is_read_back(tokens):
    token = tokens.issue(CENV, 7, "abc", NOW, NOW + 60)

    assert tokens.read(token, CENV, NOW) == Claims(CENV, 7, "abc", NOW + 60, token_hash(token))


def test_a_token_by_hand_is_read_too(tokens):
    assert tokens.read(signed(HS256, claims()), CENV, NOW).user_id == 7


@pytest.mark.parametrize("now", [NOW + 60, NOW + 60.5, NOW + 10_000])
def test_expiry_is_checked_at_every_use_without_leeway(tokens, now):
    token = tokens.issue(CENV, 7, "abc", NOW, NOW + 60)
    tokens.read(token, CENV, NOW + 59.9)

    with pytest.raises(WceError) as caught:
        tokens.read(token, CENV, now)

    assert caught.value.code == "bad_token"


def test_a_token_of_another_cenv_is_refused_also_when_it_was_just_read(tokens):
    token = tokens.issue(CENV, 7, "abc", NOW, NOW + 60)
    tokens.read(token, CENV, NOW)

    with pytest.raises(WceError):
        tokens.read(token, str(uuid.UUID(int=2)), NOW)


@pytest.mark.parametrize("missing", ["aud", "sub", "jti", "iat", "exp"])
def test_a_missing_claim_is_refused(tokens, missing):
    with pytest.raises(WceError):
        tokens.read(signed(HS256, claims(**{missing: None})), CENV, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": [CENV]},
        {"sub": 7},
        {"sub": "seven"},
        {"sub": "-1"},
        {"sub": "٧"},
        {"sub": "9" * 40},
        {"jti": 1},
        {"exp": str(NOW + 60)},
        {"exp": NOW + 60.5},
        {"exp": True},
        {"exp": 1e400},
        {"exp": [NOW + 60]},
    ],
)
def test_a_claim_of_another_kind_is_refused(tokens, changed):
    with pytest.raises(WceError) as caught:
        tokens.read(signed(HS256, claims(**changed)), CENV, NOW)

    assert caught.value.code == "bad_token"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é",
        "x" * 5_000,
        signed(HS256, claims(), "another key that also has 32 bytes"),
        signed({"alg": "none"}, claims()),
        signed({"alg": "HS384"}, claims()),
        signed(HS256 | {"crit": ["b64"], "b64": False}, claims()),
        signed(HS256, [1]),
        jwt.encode(claims(), "", algorithm="none"),
        jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
    ],
)
def test_any_other_token_is_refused(tokens, token):
    with pytest.raises(WceError) as caught:
        tokens.read(token, CENV, NOW)

    assert caught.value.code == "bad_token"


def test_a_clock_that_went_back_does_not_refuse_fresh_tokens(tokens):
    token = tokens.issue(CENV, 7, "abc", NOW, NOW + 60)

    assert tokens.read(token, CENV, NOW - 600).session_id == "abc"


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("short")


def test_only_the_hash_of_a_token_is_ever_stored():
    assert token_hash("abc") == hashlib.sha256(b"abc").hexdigest()


def test_the_csrf_token_depends_on_session_and_key(tokens):
    proofs = {tokens.csrf("abc"), tokens.csrf("abd"), csrf_token("another key that also has 32 bytes", "abc")}

    assert len(proofs) == 3
    assert tokens.csrf("abc") == csrf_token(SECRET, "abc")
