"""Files that are sent to us: where they go while they come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_input_stream

from wce.errors import WceError, invalid
from wce.store.folder import Folder
from wce.web import bodies, current

MULTIPART: Final = "multipart/form-data"
FORM_BYTES: Final = 64 * 1024  # of all fields that are no file
_BUFFER_BYTES: Final = 256 * 1024  # the parser also counts what it has just read of a file
_MAX_PARTS: Final = 20


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
            raise invalid("file", "is missing: send the file in the field `file` of the form")
        return self.path


def require_known(fields: Iterable[str], *known: str) -> None:
    """Raise `validation` for a field that the form does not have: a misspelt name is never ignored."""
    for name in fields:
        if name not in known:
            raise invalid(name, f"is not a field of this form, which has {' and '.join(known)} besides the file")


@contextmanager
def received(folder: Folder, limit_bytes: int) -> Iterator[Upload]:
    """`with` the form of this request; its file is on the disk and gone afterwards. Raises `too_large`, `malformed`."""
    bodies.require_plain()
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
            stream = get_input_stream(request.environ, max_content_length=limit_bytes + FORM_BYTES)
            _, fields, files = parser.parse(stream, MULTIPART, request.content_length, request.mimetype_params)
        except RequestEntityTooLarge as error:
            raise WceError("too_large", f"The file may have at most {limit_bytes} bytes.") from error
        except ValueError as error:
            raise WceError(
                "malformed", "The form could not be read: send multipart/form-data, with its boundary in Content-Type and to its end."
            ) from error
        for item in files.values():
            item.stream.flush()
        if files and "file" not in files:
            raise invalid("file", "is missing: send the file in the field `file` of the form")
        sent = files.get("file")
        name, mimetype = (sent.filename or "", sent.mimetype) if sent else ("", "")
        yield Upload(fields.to_dict(), paths[0] if paths else None, name, mimetype)
