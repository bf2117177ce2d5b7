"""Bearer tokens: JWTs that name a session. A token is a handle, the session's row is the truth."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import jwt

from wce.cache import Cache
from wce.errors import WceError

_ALGORITHM: Final = "HS256"
_CLAIMS: Final = ["exp", "iat", "sub", "aud", "jti"]
_CACHED: Final = 10_000
_MAX_BYTES: Final = 4096  # ours have about 300


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, its signature verified, and its hash. `expires_at` is in Unix seconds."""

    cenv: str
    user_id: int
    session_id: str
    expires_at: int
    token_hash: str


def token_hash(token: str) -> str:
    """What the session's row keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_token(secret: str, session_id: str) -> str:
    """What a page of ours must send with an unsafe request; the prefix keeps it apart from anything else that the key signs."""
    return hmac.new(secret.encode(), b"csrf:" + session_id.encode(), hashlib.sha256).hexdigest()


class Tokens:
    """Issues and reads tokens of all cenvs with one key."""

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < 32:
            raise ValueError("the signing key must have at least 32 bytes")  # RFC 7518, 3.2
        self._secret = secret
        self._read: Cache[str, Claims] = Cache(_CACHED)

    def issue(self, cenv: str, user_id: int, session_id: str, now: float, expires_at: int) -> str:
        """A signed token for one session of one cenv."""
        claims = {"aud": cenv, "sub": str(user_id), "jti": session_id, "iat": int(now), "exp": expires_at}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str, cenv: str, now: float) -> Claims:
        """The claims of a token that is ours, for this cenv, and not expired; anything else is `bad_token`."""
        if len(token) > _MAX_BYTES or not token.isascii():
            raise WceError("bad_token")
        key = token_hash(token)
        claims = self._read.get(key) or self._read.put(key, self._verify(token, key))
        if not hmac.compare_digest(claims.cenv, cenv) or claims.expires_at <= now:
            raise WceError("bad_token")
        return claims

    def csrf(self, session_id: str) -> str:
        """The session's proof against cross-site requests."""
        return csrf_token(self._secret, session_id)

    def _verify(self, token: str, key: str) -> Claims:
        # Expiry and audience are looked at on every use, by our clock, so they are not the library's to check.
        try:
            said = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                options={"require": _CLAIMS, "verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise WceError("bad_token") from error
        texts = (said["aud"], said["sub"], said["jti"])
        if not all(isinstance(text, str) for text in texts) or type(said["exp"]) is not int or not _is_id(said["sub"]):
            raise WceError("bad_token")
        return Claims(said["aud"], int(said["sub"]), said["jti"], said["exp"], key)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
