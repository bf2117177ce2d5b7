"""Files beside the pages: kept, sent with the right type, and never with any power."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.callers import Caller

IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def put(caller: Caller, path: str, content: bytes, status: int = 201) -> dict[str, Any]:
    answer = caller.put(f"/admin/assets/{path}", data=content)
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_file_is_kept_replaced_listed_and_removed(owner: Caller, visitor: Caller) -> None:
    made = put(owner, "img/logo.png", IMAGE)
    assert (made["content_type"], made["size"], made["hash"]) == ("image/png", len(IMAGE), hashlib.sha256(IMAGE).hexdigest())
    assert made["url"] == f"/{owner.cenv}/pages/assets/img/logo.png"

    answer = visitor.get("/pages/assets/img/logo.png")
    assert (answer.status_code, answer.data, answer.headers["Content-Type"]) == (200, IMAGE, "image/png")
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert visitor.get("/pages/assets/img/logo.png", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert visitor.send("HEAD", "/pages/assets/img/logo.png").data == b""

    put(owner, "img/logo.png", b"new", 200)
    assert visitor.get("/pages/assets/img/logo.png", headers={"If-None-Match": answer.headers["ETag"]}).data == b"new"
    listed = owner.get("/admin/assets").json
    assert ([item["path"] for item in listed["assets"]], listed["size"], listed["max_size"]) == (["img/logo.png"], 3, 20 << 20)

    assert owner.delete("/admin/assets/img/logo.png").status_code == 204
    assert owner.delete("/admin/assets/img/logo.png").status_code == 404
    assert visitor.get("/pages/assets/img/logo.png").status_code == 404


def test_an_address_with_the_hash_may_be_kept_for_ever(owner: Caller, visitor: Caller) -> None:
    made = put(owner, "a.css", b"p { color: red }")

    for address in (f"/pages/assets/v-{made['hash']}/a.css", f"/pages/assets/a.css?v={made['hash']}"):
        assert visitor.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for address in (f"/pages/assets/v-{'0' * 64}/a.css", "/pages/assets/a.css?v=1"):
        assert (visitor.get(address).data, visitor.get(address).headers["Cache-Control"]) == (b"p { color: red }", "public, no-cache")
    assert made["url_forever"] == f"/{owner.cenv}/pages/assets/v-{made['hash']}/a.css"


def test_a_form_brings_a_file_under_its_own_name_or_another(owner: Caller) -> None:
    for data, path in (({}, "a.txt"), ({"path": "notes/b.txt"}, "notes/b.txt")):
        answer = owner.post("/admin/assets", data=data | {"file": (io.BytesIO(b"hello"), "a.txt")}, content_type="multipart/form-data")
        assert (answer.status_code, answer.json["path"]) == (201, path)

    assert owner.post("/admin/assets", data={"path": "x"}, content_type="multipart/form-data").json["errors"][0]["field"] == "file"
    misspelt = {"file": (io.BytesIO(b"x"), "a.txt"), "paht": "b.txt"}
    assert owner.post("/admin/assets", data=misspelt, content_type="multipart/form-data").json["errors"][0]["field"] == "paht"
    assert owner.post("/admin/assets", {"path": "x"}).status_code == 415


def test_what_is_sent_compressed_is_not_taken_for_what_it_is_not(owner: Caller) -> None:
    gzipped = {"Content-Encoding": "gzip"}
    form = {"data": {"file": (io.BytesIO(b"hello"), "a.txt")}, "content_type": "multipart/form-data"}

    for answer in (
        owner.put("/admin/assets/a.css", data=gzip.compress(b"p {}"), headers=gzipped),
        owner.post("/admin/assets", **form, headers=gzipped),
        owner.post("/admin/tables/import", **form | {"data": {"file": (io.BytesIO(b"a"), "a.csv")}}, headers=gzipped),
        owner.post("/query", {"sql": "SELECT 1"}, headers=gzipped),
    ):
        assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert owner.post("/query", {"sql": "SELECT 1"}, headers={"Content-Encoding": "identity"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("a.svg", "image/svg+xml"),
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.exe", "application/octet-stream"),
        ("png", "application/octet-stream"),
        ("a.png/b", "application/octet-stream"),
        ("a.png.html", "text/html; charset=utf-8"),
    ],
)
def test_the_ending_alone_says_what_a_file_is_and_it_stands_in_a_sandbox(
    owner: Caller, visitor: Caller, path: str, content_type: str
) -> None:
    put(owner, path, b"<script>alert(1)</script>")

    answer = visitor.get(f"/pages/assets/{path}")

    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_text_goes_out_zipped_and_images_as_they_are(owner: Caller, visitor: Caller) -> None:
    put(owner, "a.css", b"p { color: red }\n" * 100)
    put(owner, "a.png", b"x" * 1_000)

    zipped = visitor.get("/pages/assets/a.css", headers={"Accept-Encoding": "gzip"})
    assert (zipped.headers["Content-Encoding"], gzip.decompress(zipped.data)) == ("gzip", b"p { color: red }\n" * 100)
    assert visitor.get("/pages/assets/a.css", headers={"If-None-Match": zipped.headers["ETag"]}).status_code == 304
    assert "Content-Encoding" not in visitor.get("/pages/assets/a.png", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize("path", ["../x", "a//b", "{x}", "v-1/x", "a%00b", "x" * 600])
def test_a_bad_path_is_told_as_that(owner: Caller, path: str) -> None:
    answer = owner.put(f"/admin/assets/{path}", data=b"x")

    assert answer.status_code in (404, 422)
    assert answer.status_code == 404 or answer.json["errors"][0]["field"] == "path"


def test_room_is_bounded(owner: Caller) -> None:
    owner.put("/admin/config", {"max_assets_mb": 1})
    put(owner, "a", bytes(600_000))

    answer = owner.put("/admin/assets/b", data=bytes(600_000))
    assert (answer.status_code, answer.json["code"]) == (507, "quota_exceeded")
    put(owner, "a", bytes(1_000_000), 200)
    assert owner.put("/admin/assets/c", data=bytes(11 << 20)).status_code == 413


def test_only_administrators_put_files_there(owner: Caller, visitor: Caller, invite: Callable[..., Caller]) -> None:
    put(owner, "a", b"x")

    for caller, status in ((invite("edith", "editor"), 403), (visitor, 401)):
        assert caller.get("/admin/assets").status_code == status
        assert caller.put("/admin/assets/a", data=b"y").status_code == status
        assert caller.post("/admin/assets", data={}).status_code == status
        assert caller.delete("/admin/assets/a").status_code == status


def test_each_change_is_in_the_log_with_its_hash(owner: Caller) -> None:
    put(owner, "a", b"x")
    owner.delete("/admin/assets/a")

    entries = owner.get("/admin/audit?action=asset.*").json["entries"]
    assert [item["action"] for item in entries] == ["asset.delete", "asset.save"]
    assert entries[1]["details"] == {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
