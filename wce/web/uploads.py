"""Files that are sent to us: which may be large, and where they go while they come in."""

from __future__ import annotations

import copy
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import IO, Any, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_input_stream

from wce.config import Settings
from wce.core.tokens import Tokens
from wce.errors import WceError, invalid
from wce.store.folder import Folder
from wce.web import cookies, current

MULTIPART: Final = "multipart/form-data"
_FORM_BYTES: Final = 64 * 1024  # of all fields that are no file
_BUFFER_BYTES: Final = 256 * 1024  # the parser also counts what it has just read of a file
_MAX_PARTS: Final = 20
_MIB: Final = 1024 * 1024
_TAKES: Final = re.compile(r"/([0-9a-f-]{36})/admin/(?:import|tables/import)")


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one file."""

    fields: Mapping[str, str]
    path: Path | None
    name: str = ""  # of the file, as its sender says
    mimetype: str = ""  # likewise

    @property
    def file(self) -> Path:
        """The file; raises `validation` where none was sent."""
        if self.path is None:
            raise invalid("file", "is missing")
        return self.path


@contextmanager
def received(folder: Folder, limit_bytes: int) -> Iterator[Upload]:
    """`with` the form of this request; its file is on the disk and gone afterwards. Raises `too_large`, `malformed`."""
    request = current.request()
    if request.mimetype != MULTIPART:
        raise WceError("unsupported_media_type", f"Send {MULTIPART}.")
    with ExitStack() as stack:
        paths: list[Path] = []

        def sink(*_: object, **__: object) -> IO[bytes]:
            if paths:
                raise invalid("file", "must be one file")
            paths.append(stack.enter_context(folder.spool()))
            return stack.enter_context(paths[0].open("wb+"))

        parser = FormDataParser(sink, max_form_memory_size=_BUFFER_BYTES, max_form_parts=_MAX_PARTS, silent=False)
        try:
            stream = get_input_stream(request.environ, max_content_length=limit_bytes + _FORM_BYTES)
            _, fields, files = parser.parse(stream, MULTIPART, request.content_length, request.mimetype_params)
        except RequestEntityTooLarge as error:
            raise WceError("too_large", f"The file may have {limit_bytes} bytes.") from error
        except ValueError as error:
            raise WceError("malformed", "The form could not be read.") from error
        for item in files.values():
            item.stream.flush()
        if files and "file" not in files:
            raise invalid("file", "is missing")
        sent = files.get("file")
        name, mimetype = (sent.filename or "", sent.mimetype) if sent else ("", "")
        yield Upload(fields.to_dict(), paths[0] if paths else None, name, mimetype)


class Admission:
    """How large a body may be, told when its headers are there: more than usual only for who brings a token that we signed.

    Whether the session still holds is found out later, as for every request; this keeps strangers from filling the disk.
    """

    def __init__(self, settings: Settings, tokens: Tokens, now: Callable[[], float]) -> None:
        self._settings = settings
        self._tokens = tokens
        self._now = now

    def limit(self, usual: int, method: str, path: str, headers: Mapping[str, str]) -> int:
        """In bytes. `headers` have names in capitals with underscores."""
        most = self._settings.max_import_mb * _MIB + _FORM_BYTES
        room = shutil.disk_usage(tempfile.gettempdir()).free - self._settings.min_free_mb * _MIB
        form = headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == MULTIPART
        if method != "POST" or not form or most <= usual or most > room:
            return usual
        if path == "/new":
            return most if self._settings.allow_new_cenvs else usual
        found = _TAKES.fullmatch(path)
        return most if found and self._signed(found[1], headers) else usual

    def _signed(self, cenv: str, headers: Mapping[str, str]) -> bool:
        token = headers.get("AUTHORIZATION", "").partition(" ")[2].strip()
        if not token:
            try:
                held = SimpleCookie(headers.get("COOKIE", "")).get(cookies.name(cenv))
            except CookieError:
                return False
            token = held.value if held else ""
        try:
            self._tokens.read(token, cenv, self._now())
        except WceError:
            return False
        return True


def roomy(adjustments: Any, limit_bytes: int) -> Any:
    """waitress' settings with room for a larger body."""
    changed = copy.copy(adjustments)
    changed.max_request_body_size = limit_bytes
    return changed
