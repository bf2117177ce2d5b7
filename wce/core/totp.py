"""The second factor: codes of RFC 6238 from a user's device, and recovery codes for the day on which it is lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

import pyotp

from wce.core import audit, roles
from wce.core.passwords import Passwords
from wce.core.roles import may_act_on, require_administrator
from wce.core.users import find_user, prove, require_still
from wce.errors import WceError, invalid
from wce.model import Actor, AuditEntry
from wce.store.session import Session
from wce.store.transaction import Transaction

RECOVERY_CODES: Final = 10
MAX_FAILURES: Final = 10  # in a row
WAIT_SECONDS: Final = 900
_STEP_SECONDS: Final = 30
_DRIFT: Final = 1  # steps that a device's clock may be wrong by (RFC 6238, 5.2)
_RECOVERY_BYTES: Final = 10
_CODE: Final = re.compile(r"[0-9]{6}")
_ISSUER: Final = "WCE"


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody sends along with his password; one of the two is enough."""

    totp: str | None = None
    recovery_code: str | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """A secret that waits for its first code; `uri` is what a QR code tells a device."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a user's logins ask for a code; `since` is in Unix seconds."""

    enabled: bool
    since: int | None
    recovery_codes_left: int


def status(session: Session, actor: Actor) -> Status:
    """The actor's own second factor."""
    row = session.one(
        "SELECT confirmed_at, (SELECT count(*) FROM _wce_recovery_codes r WHERE r.user_id = f.user_id)"
        " FROM _wce_second_factors f WHERE user_id = ? AND totp_secret IS NOT NULL",
        (actor.user_id,),
    )
    return Status(False, None, 0) if row is None else Status(True, *row)


def begin(session: Session, passwords: Passwords, actor: Actor, password: str) -> Setup:
    """A new secret for a device of the actor's; nothing changes for his logins until `confirm`."""
    proof = prove(session, passwords, actor, password)
    secret = pyotp.random_base32()
    with session.transaction(actor) as transaction:
        require_still(transaction, actor, proof)
        transaction.execute(
            "INSERT INTO _wce_second_factors (user_id, pending_secret) VALUES (?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET pending_secret = excluded.pending_secret",
            (actor.user_id, secret),
        )
        _audit(transaction, "totp.begin", actor.user_id)
    name = f"{actor.username}@{session.cenv[:8]}"
    return Setup(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER))


def confirm(session: Session, actor: Actor, code: str) -> list[str]:
    """The first code of a new device: from now on logins ask for one. Answers the recovery codes, which nobody can look up again."""
    with session.transaction(actor) as transaction:
        roles.current(transaction, actor)
        row = transaction.execute("SELECT pending_secret FROM _wce_second_factors WHERE user_id = ?", (actor.user_id,)).fetchone()
        if row is None or row[0] is None:
            raise WceError("not_found", "No second factor is being set up.")
        step = _step(row[0], code, transaction.at, 0)
        if step is None:
            raise invalid("totp", "is not the current code; check the clock of the device")
        transaction.execute(
            "UPDATE _wce_second_factors SET totp_secret = pending_secret, pending_secret = NULL, confirmed_at = ?, last_step = ?,"
            " failures = 0, retry_at = 0 WHERE user_id = ?",
            (transaction.at, step, actor.user_id),
        )
        _audit(transaction, "totp.on", actor.user_id)
        return _new_codes(transaction, actor.user_id)


def renew_codes(session: Session, passwords: Passwords, actor: Actor, password: str) -> list[str]:
    """New recovery codes in place of all old ones."""
    proof = prove(session, passwords, actor, password)
    with session.transaction(actor) as transaction:
        require_still(transaction, actor, proof)
        on = "SELECT 1 FROM _wce_second_factors WHERE user_id = ? AND totp_secret IS NOT NULL"
        if transaction.execute(on, (actor.user_id,)).fetchone() is None:
            raise WceError("not_found", "The second factor is off.")
        _audit(transaction, "totp.codes", actor.user_id)
        return _new_codes(transaction, actor.user_id)


def switch_off(session: Session, passwords: Passwords, actor: Actor, password: str) -> None:
    """Switch off the second factor."""
    proof = prove(session, passwords, actor, password)
    with session.transaction(actor) as transaction:
        require_still(transaction, actor, proof)
        _remove(transaction, actor.user_id, "totp.off")


def reset(session: Session, actor: Actor, user_id: int) -> None:
    """An administrator takes the second factor from somebody below him who has lost his device."""
    with session.transaction(actor) as transaction:
        now = require_administrator(transaction, actor)
        if not may_act_on(now.role, find_user(transaction, user_id).role):
            raise WceError("forbidden", "You may act only on users whose role is below your own.")
        _remove(transaction, user_id, "totp.reset")


def judge(transaction: Transaction, user_id: int, given: Proof) -> WceError | None:
    """Why a login whose password was right goes no further, None where it does.

    Answered and not raised, because a wrong code is counted in this transaction. A code counts once.
    """
    row = transaction.execute(
        "SELECT totp_secret, last_step, failures, retry_at FROM _wce_second_factors WHERE user_id = ? AND totp_secret IS NOT NULL",
        (user_id,),
    ).fetchone()
    if row is None:
        return None
    secret, last_step, failures, retry_at = row
    if given.recovery_code is not None:
        return _use_recovery_code(transaction, user_id, given.recovery_code)
    if given.totp is None:
        return WceError("totp_required")
    if transaction.at < retry_at <= transaction.at + WAIT_SECONDS:  # a later one is of a clock that was ahead, which refuses right codes
        return WceError("rate_limited", "Too many wrong codes; a recovery code still works.", retry_after=retry_at - transaction.at)
    step = _step(secret, given.totp, transaction.at, last_step)
    if step is None:
        retry_at = transaction.at + WAIT_SECONDS if (failures + 1) % MAX_FAILURES == 0 else retry_at
        transaction.execute("UPDATE _wce_second_factors SET failures = failures + 1, retry_at = ? WHERE user_id = ?", (retry_at, user_id))
        return _wrong(transaction, user_id)
    transaction.execute("UPDATE _wce_second_factors SET last_step = ?, failures = 0, retry_at = 0 WHERE user_id = ?", (step, user_id))
    return None


def _use_recovery_code(transaction: Transaction, user_id: int, code: str) -> WceError | None:
    delete = "DELETE FROM _wce_recovery_codes WHERE user_id = ? AND code_hash = ?"
    if transaction.execute(delete, (user_id, _hash(code))).rowcount != 1:
        return _wrong(transaction, user_id)
    _audit(transaction, "totp.recovery", user_id)
    return None


def _wrong(transaction: Transaction, user_id: int) -> WceError:
    audit.record(transaction, AuditEntry("login.failure", "user", str(user_id), {"reason": "second factor"}))
    return WceError("totp_required", "This code is wrong or was used before.")


def _step(secret: str, code: str, now: int, last_step: int) -> int | None:
    """The step that a code belongs to, later than the last one that was used; None for a wrong code."""
    if not _CODE.fullmatch(code):
        return None
    current = now // _STEP_SECONDS
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if step > last_step and hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step), code):
            return step
    return None


def _new_codes(transaction: Transaction, user_id: int) -> list[str]:
    transaction.execute("DELETE FROM _wce_recovery_codes WHERE user_id = ?", (user_id,))
    codes = [_spell(secrets.token_bytes(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
    for code in codes:
        transaction.execute("INSERT INTO _wce_recovery_codes (user_id, code_hash) VALUES (?, ?)", (user_id, _hash(code)))
    return codes


def _spell(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def _hash(code: str) -> str:
    """Eighty random bits need no slow hash; blanks, dashes and capitals are the writer's."""
    return hashlib.sha256(re.sub(r"[\s-]", "", code).lower().encode("utf-8", "surrogatepass")).hexdigest()


def _remove(transaction: Transaction, user_id: int, action: str) -> None:
    if transaction.execute("DELETE FROM _wce_second_factors WHERE user_id = ?", (user_id,)).rowcount != 1:
        raise WceError("not_found", "The second factor is off.")
    transaction.execute("DELETE FROM _wce_recovery_codes WHERE user_id = ?", (user_id,))
    _audit(transaction, action, user_id)


def _audit(transaction: Transaction, action: str, user_id: int) -> None:
    audit.record(transaction, AuditEntry(action, "user", str(user_id)))
