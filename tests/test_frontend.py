"""What the interface bought: built from pinned packages, the same everywhere, and under names that do not get in each other's way."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static/vendor"
NODE_SECONDS = 600


def checksums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def recorded() -> dict[str, str]:
    lines = (VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def node_is_new_enough() -> bool:
    node = shutil.which("node")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout if node else ""
    found = re.match(r"v(\d+)", told)
    return bool(found and int(found[1]) >= 20 and shutil.which("npm"))


def test_the_files_are_those_that_were_built() -> None:
    assert checksums(VENDOR) == recorded()


@pytest.mark.slow
@pytest.mark.skipif(not node_is_new_enough(), reason="no Node 20; the checksums alone are compared")
def test_a_fresh_build_gives_the_same_files(tmp_path: Path) -> None:
    source = tmp_path / "frontend"
    shutil.copytree(ROOT / "frontend", source, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    installed = subprocess.run(install, cwd=source, capture_output=True, text=True, check=False, timeout=NODE_SECONDS)
    if installed.returncode and re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|E403", installed.stderr):
        pytest.skip("no registry within reach; the checksums alone are compared")
    assert installed.returncode == 0, installed.stderr

    subprocess.run(["node", "build.mjs", str(tmp_path / "built")], cwd=source, check=True, timeout=NODE_SECONDS)

    assert checksums(tmp_path / "built") == recorded()


def classes(path: Path) -> set[str]:
    text = re.sub(r"/\*.*?\*/|url\([^)]*\)|\"[^\"]*\"", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", text))


def test_no_class_of_ours_reaches_into_the_editor() -> None:
    """Monaco has plain names too: an `.icon` of ours would change its menus."""
    assert classes(ROOT / "static/css/app.css") & classes(VENDOR / "editor.css") == set()


def test_every_icon_that_is_asked_for_is_there() -> None:
    there = set(re.findall(r'<symbol id="([\w-]+)"', (VENDOR / "icons.svg").read_text(encoding="utf-8")))
    asked = set()
    for path in [*(ROOT / "templates").glob("*.html"), *(ROOT / "static/js").glob("*.js"), ROOT / "wce/web/screens.py"]:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r"""(?:\bicon\(|\bicon: |\bempty\(|iconButton\('[^']*', )["']([a-z0-9-]+)["']""", text))
        asked |= set(re.findall(r'Link\("\w*", "[^"]+", "([a-z0-9-]+)"', text))

    assert asked - there == set()
