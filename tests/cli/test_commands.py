"""The command line beside a store that a server would have open."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import PASSWORD
from wce.store import migrate
from wce.store.sqlite import connect

ROOT = Path(__file__).resolve().parents[2]


def test_it_lists_what_there_is(run, ask, cenv):
    (found,) = ask("list")["cenvs"]

    assert (found["cenv_id"], found["owner"]) == (cenv, "ada")
    assert run("list").stdout.splitlines()[1].startswith(f"{cenv}  ada  ")


def test_a_damaged_cenv_is_listed_as_such(ask, run, store, cenv):
    (store.folder.path / "00000000-0000-4000-8000-000000000000.db").write_bytes(b"not a database" * 100)

    assert ask("list")["cenvs"][0] == {"cenv_id": "00000000-0000-4000-8000-000000000000", "error": "cenv_damaged"}
    assert "(cenv_damaged)" in run("list").stdout


def test_a_cenv_of_an_older_version_is_told_about_and_stays_as_it_is(ask, run, store, folder):
    old = folder / "00000000-0000-4000-8000-000000000000.db"
    with closing(connect(old, mode="rwc")) as connection:
        migrate.apply(connection, migrate.load()[:1])
        connection.execute("INSERT INTO _wce_users (username, role, created_at) VALUES ('ada', 'owner', 1)")
    before = old.read_bytes()

    listed, told = ask("list")["cenvs"][0], ask("info", "0000")

    assert (listed["owner"], listed["schema"]) == ("ada", 1)
    assert (told["owner"], told["schema"], told["users"]) == ("ada", 1, 1)
    assert "SCHEMA" in run("list").stdout.splitlines()[0]
    assert old.read_bytes() == before

    store.close()
    assert ask("migrate")["cenvs"] == {old.stem: f"schema {migrate.newest()}"}


def test_a_cenv_of_a_newer_version_says_which(run, store, folder):
    with closing(connect(folder / "00000000-0000-4000-8000-000000000000.db", mode="rwc")) as connection:
        migrate.apply(connection, migrate.load())
        connection.execute("PRAGMA user_version=9999")

    assert f"The file has schema 9999, this server knows {migrate.newest()}. (newer_schema)" in run("info", "0000").stderr
    assert "(newer_schema)" in run("list").stdout


def test_it_makes_a_cenv(run, ask, store):
    made = ask("new", "grace", "--password", PASSWORD)["cenv_id"]

    assert store.cenvs() == [made]
    assert run("new", "x", "--password", PASSWORD).exit_code == 1


@pytest.mark.parametrize("named", ["whole", "beginning"])
def test_it_tells_about_a_cenv(ask, run, cenv, named):
    found = ask("info", cenv if named == "whole" else cenv[:8])

    assert (found["owner"], found["users"], found["tables"]) == ("ada", 1, 0)
    assert "ada" in run("info", cenv).stdout


@pytest.mark.parametrize("named", ["abc", "ffffffff-ffff"])
def test_a_cenv_that_is_not_there_is_an_error(run, cenv, named):
    done = run("info", named)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"wce: There is no cenv {named}. (no_such_cenv)\n"
    told = json.loads(run("--json", "info", named).stdout)
    assert told["error"]["code"] == "no_such_cenv"


def test_letters_that_name_two_cenvs_name_none(run, store, folder):
    for last in "12":
        (folder / f"00000000-0000-4000-8000-00000000000{last}.db").write_bytes(b"")

    assert "2 cenvs begin with 0000." in run("info", "0000").stderr
    assert "Give at least the first 4 characters of the id of the cenv." in run("info", "000").stderr


def test_users_are_added_and_changed_beside_a_running_server(ask, run, store, cenv):
    made = ask("user", "add", cenv, "grace", "--role", "editor", "--email", "grace@example.org", "--password", PASSWORD)
    assert (made["username"], made["role"], made["email"]) == ("grace", "editor", "grace@example.org")

    with store.session(cenv) as session:
        session.execute("INSERT INTO _wce_api_keys (user_id, name, key_hash, scope, created_at) VALUES (1, 'k', 'h', '{}', 0)")
    assert run("user", "password", cenv, "ADA", "--password", "battery staple").exit_code == 0
    assert run("user", "role", cenv, "grace", "owner").stdout == "grace (owner), id 2\n"
    assert run("user", "role", cenv, "ada", "viewer").exit_code == 0

    assert [(user["username"], user["role"]) for user in ask("user", "list", cenv)["users"]] == [("ada", "viewer"), ("grace", "owner")]
    assert "grace  owner" in run("user", "list", cenv).stdout
    with store.session(cenv) as session:
        assert {name for (name,) in session.all("SELECT username FROM _wce_audit_log WHERE id > 1")} == {"(operator)"}
        assert session.all("SELECT 1 FROM _wce_api_keys") == []


def test_an_owner_whom_the_operator_replaces_is_signed_out(run, store, cenv):
    run("user", "add", cenv, "grace", "--password", PASSWORD)
    with store.session(cenv) as session:
        for name, user_id in (("former", 1), ("new", 2)):
            session.execute("INSERT INTO _wce_sessions VALUES (?1, ?2, ?1, 0, 9999999999, 0, '', '')", (name, user_id))

    run("user", "role", cenv, "grace", "owner")

    with store.session(cenv) as session:
        assert session.all("SELECT session_id FROM _wce_sessions") == [("new",)]
        assert session.all("SELECT token_hash FROM _wce_revoked_tokens") == [("former",)]


def test_the_only_owner_stays_and_nobody_disabled_becomes_one(run, store, cenv):
    assert "last_owner" in run("user", "role", cenv, "ada", "admin").stderr
    assert "not_found" in run("user", "role", cenv, "nobody", "admin").stderr
    run("user", "add", cenv, "grace", "--password", PASSWORD)
    with store.session(cenv) as session:
        session.execute("UPDATE _wce_users SET enabled = 0 WHERE username = 'grace'")
    assert "validation" in run("user", "role", cenv, "grace", "owner").stderr


def test_an_export_is_a_new_file_that_only_its_owner_reads(ask, run, store, cenv, tmp_path):
    target = tmp_path / "shop.sqlite3"

    told = ask("export", cenv, str(target))

    assert told == {"file": str(target), "bytes": target.stat().st_size}
    assert target.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(target)) as taken:
        assert taken.execute("SELECT username FROM _wce_users WHERE role = 'owner'").fetchall() == [("ada",)]
    again = run("export", cenv, str(target))
    assert (again.exit_code, again.stderr) == (1, f"wce: {target} already exists. (name_taken)\n")


def test_an_export_writes_through_no_link_that_somebody_has_laid(run, store, cenv, tmp_path):
    (tmp_path / "theirs").write_text("as it was")
    (tmp_path / ".shop.sqlite3.tmp").symlink_to(tmp_path / "theirs")

    assert run("export", cenv, str(tmp_path / "shop.sqlite3")).exit_code == 0

    assert (tmp_path / "theirs").read_text() == "as it was"


def test_an_export_into_no_folder_is_told(run, cenv, tmp_path):
    words = "export", cenv, str(tmp_path / "nowhere" / "x")
    done = run(*words)

    assert "No such file" in json.loads(run("--json", *words).stdout)["error"]["detail"]
    assert done.exit_code == 1
    assert "No such file or directory" in done.stderr


def test_a_broken_chain_is_exit_code_3(run, ask, store, cenv):
    assert ask("verify-audit", cenv)["ok"] is True
    with store.session(cenv) as session:
        session.execute("UPDATE _wce_audit_log SET action = 'nothing'")

    done = run("verify-audit", cenv)

    assert done.exit_code == 3
    assert "broken at entry 1" in done.stdout


def test_settings_tell_where_they_come_from_and_no_secret(run, ask):
    redis = "redis://:hunter2@127.0.0.1/0"
    done = run("config", WCE_JWT_SECRET="s" * 40, WCE_PORT="81", WCE_CENV_MAX_USERS="3", WCE_CENV_TITLE="", WCE_REDIS_URL=redis)

    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["WCE_JWT_SECRET"] == ["(hidden)", "environment"]
    assert rows["WCE_REDIS_URL"] == ["(hidden)", "environment"]
    assert rows["WCE_CENV_TITLE"] == ["default"]
    assert rows["WCE_PORT"] == ["81", "environment"]
    assert rows["WCE_CENV_MAX_USERS"] == ["3", "environment"]
    assert rows["WCE_HOST"] == ["127.0.0.1", "default"]
    assert {item["name"] for item in ask("config")["settings"]} == rows.keys() - {"SETTING"}


@pytest.mark.parametrize("words", [("config",), ("user", "add", "0000", "grace", "--password", PASSWORD)])
def test_broken_settings_of_cenvs_are_wrong_usage_too(run, words):
    done = run(*words, WCE_CENV_MAX_USERS="many")

    assert (done.exit_code, done.stderr) == (2, "wce: WCE_CENV_MAX_USERS must be a whole number\n")


@pytest.mark.parametrize("variable", ["WCE_STORAGE_DIR", "WCE_LOG_FILE"])
def test_a_path_that_cannot_be_used_is_wrong_usage_and_named_with_its_setting(run, tmp_path, variable):
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "inside")

    done = run("list", **{variable: path})

    assert (done.exit_code, done.stderr) == (2, f"wce: {variable} {path}: Not a directory\n")


@pytest.mark.parametrize("words", [["list"], ["info", "3f2a"], ["migrate"], ["undelete"]])
def test_a_folder_that_is_not_there_is_a_slip_and_not_made(run, folder, words):
    done = run(*words)

    assert (done.exit_code, done.stderr) == (2, f"wce: WCE_STORAGE_DIR {folder}: No such file or directory\n")
    assert not folder.exists()


def test_the_first_cenv_makes_the_folder(run, folder):
    assert run("new", "ada", "--password", PASSWORD).exit_code == 0

    assert [path.suffix for path in folder.glob("[0-9a-f]*")] == [".db"]


def test_a_folder_in_which_nothing_can_be_made_is_wrong_usage_too(run, folder):
    (folder / ".wce.lock").mkdir(parents=True)

    assert run("list").stderr == f"wce: WCE_STORAGE_DIR {folder}/.wce.lock: Is a directory\n"


def test_broken_settings_are_wrong_usage(run):
    assert run("list", WCE_PORT="many").exit_code == 2


def test_the_doctor_finds_what_is_wrong(run, ask, store, cenv, folder):
    assert ask("doctor")["ok"] is True
    folder.chmod(0o755)

    done = run(
        "doctor",
        WCE_CENV_MAX_USERS="none",
        WCE_ENV="production",
        WCE_JWT_SECRET="s" * 40,
        WCE_PORTS="1",
        WCE_DOMAIN="x",
        WCE_BACKUP_DIR="/dev/null",
        WCE_BASE_URL="http://wce.example.org",
        WCE_HOSTS="127.0.0.1",
    )

    assert done.exit_code == 3
    found = done.stdout
    assert "other users of this machine can look inside" in found
    assert "WCE_CENV_MAX_USERS must be a whole number" in found
    assert "WCE_BASE_URL is not https" in found
    assert "WCE_HOSTS lacks the host of WCE_BASE_URL" in found
    assert "WCE_PORTS is not a setting; did you mean WCE_PORT?" in found
    assert "/dev/null is not a folder that this user can write to" in found
    assert "WCE_DOMAIN is not a setting\n" in found


def test_the_doctor_of_a_healthy_server_and_of_one_that_never_ran(run, store, tmp_path):
    settings = {
        "WCE_ENV": "production",
        "WCE_JWT_SECRET": "s" * 40,
        "WCE_BASE_URL": "https://wce.example.org",
        "WCE_HOSTS": "WCE.example.org",
    }

    assert "no problems" in run("doctor", **settings).stdout
    bucket = {"WCE_BACKUP_S3_URL": "https://s3.example.org/kept", "WCE_BACKUP_S3_KEY": "k", "WCE_BACKUP_S3_SECRET": "s"}
    assert "s3.example.org/kept" in run("doctor", **settings, **bucket).stdout
    assert "the server makes it" in run("doctor", WCE_STORAGE_DIR=str(tmp_path / "none")).stdout


def test_migrating_wants_the_folder_for_itself(run, ask, store, cenv, folder):
    refused = run("migrate")
    assert refused.exit_code == 2
    assert "in use by another server" in refused.stderr

    store.close()
    (folder / "00000000-0000-4000-8000-000000000000.db").write_bytes(b"not a database" * 100)
    done = run("migrate")

    assert done.exit_code == 3
    assert "2 cenvs, 1 failed" in done.stdout
    (folder / "00000000-0000-4000-8000-000000000000.db").unlink()
    assert ask("migrate")["failed"] == []


def test_a_file_that_takes_no_step_keeps_no_other_from_its_own(run, folder):
    folder.mkdir()
    first, second = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
    for name in (first, second):
        with closing(connect(folder / f"{name}.db", mode="rwc")) as connection:
            migrate.apply(connection, migrate.load()[:1])
            if name == first:
                connection.execute("CREATE TABLE _wce_schedules (x)")

    done = run("--json", "migrate")

    told = json.loads(done.stdout)
    assert (done.exit_code, told["failed"]) == (3, [first])
    assert "_wce_schedules already exists" in told["cenvs"][first]
    assert told["cenvs"][second] == f"schema {migrate.newest()}"


def test_every_way_to_call_it_works(folder):
    folder.mkdir()
    environ = {"WCE_STORAGE_DIR": str(folder), "PATH": "/usr/bin:/bin"}
    for command in ([sys.executable, "-m", "wce"], [str(Path(sys.executable).parent / "flask"), "wce"]):
        done = subprocess.run([*command, "--json", "list"], cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(done.stdout) == {"cenvs": []}


def test_a_new_cenv_may_be_an_example(ask, run, store):
    told = ask("new", "ada", "--password", "correct horse", "--example", "todo")

    assert told["users"].keys() == {"grace", "linus"}
    assert told["cenv_id"] in store.cenvs()
    assert run("new", "ada", "--password", "correct horse", "--example", "todo").stdout.splitlines()[1].startswith("grace  ")
    refused = run("new", "ada", "--password", "correct horse", "--example", "nothing")
    assert (refused.exit_code, "must be one of" in refused.stderr) == (1, True)


def test_a_file_becomes_a_cenv_and_takes_the_place_of_one(ask, run, store, cenv, tmp_path):
    chinook = str(ROOT / "examples" / "chinook" / "chinook.sqlite")

    link = tmp_path / "link.sqlite"
    link.symlink_to(chinook)
    made = ask("import", str(link), "--username", "ada", "--password", PASSWORD)

    assert made["report"]["tables"]["Track"] == 3503
    assert made["cenv_id"] in store.cenvs()
    assert run("import", chinook).exit_code == 1
    done = run("import", chinook, "--into", cenv)
    assert done.stdout.startswith(f"{cenv}, owned by ada: 11 tables, ")
    assert [item["kind"] for item in ask("backup", cenv, "--list")["backups"]] == ["import"]


def test_a_script_of_a_file_is_looked_at(ask, run, store, cenv, tmp_path):
    target = tmp_path / "file.sqlite3"
    with store.session(cenv) as session:
        session.execute(
            "INSERT INTO _wce_endpoints (path, method, script, created_at, modified_at) VALUES"
            " ('/good', 'GET', 'def handle(request):\n    return 1\n', 1, 1), ('/bad', 'GET', 'def (', 1, 1)"
        )
        session.execute("UPDATE _wce_users SET password_hash = ? WHERE user_id = 1", ("$2b$12$" + "a" * 53,))
    assert run("export", cenv, str(target)).exit_code == 0

    done = run("import", str(target))

    assert "left out: endpoints /bad:" in done.stdout
    assert "/good" not in done.stdout


def test_a_backup_is_brought_back_beside_a_running_server(ask, run, store, cenv):
    (made,) = ask("backup", cenv)["backups"]
    with store.session(cenv) as session:
        session.execute("CREATE TABLE later (x)")

    assert run("restore", cenv, made["id"]).exit_code == 0

    with store.session(cenv) as session:
        assert session.all("SELECT name FROM sqlite_schema WHERE name = 'later'") == []
    assert run("restore", cenv, "nothing").exit_code == 1


def test_a_cenv_goes_and_comes_back(ask, run, store, cenv):
    assert run("delete", cenv).exit_code == 1
    assert run("delete", cenv, "--yes").stdout == f"{cenv} is deleted\n"

    assert store.cenvs() == []
    assert [item["cenv_id"] for item in ask("undelete")["deleted"]] == [cenv]
    assert run("undelete").stdout == f"{cenv}\n"
    assert run("undelete", cenv).exit_code == 0
    assert store.cenvs() == [cenv]
    assert run("undelete", cenv).exit_code == 1
    assert ask("verify-audit", cenv)["ok"] is True


def test_a_deleted_cenv_is_wanted_by_its_whole_id(ask, run, store, cenv):
    ask("delete", cenv, "--yes")

    refused = run("undelete", cenv[:8])

    assert refused.exit_code == 1
    assert f"There is no deleted cenv {cenv[:8]}. Give the whole id" in refused.stderr


@pytest.mark.parametrize("words", [["list"], ["--json", "list"]])
def test_an_answer_that_nobody_can_read_is_one_line_and_none_where_the_reader_has_left(folder, words):
    folder.mkdir()
    reader, left = os.pipe()
    os.close(reader)

    with open("/dev/full", "wb") as full, open(left, "wb", buffering=0) as pipe:
        answers = [
            subprocess.run(
                [sys.executable, "-m", "wce", *words],
                cwd=ROOT,
                env={"WCE_STORAGE_DIR": str(folder), "PATH": "/usr/bin:/bin"},
                stdout=target,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
            )
            for target in (full, pipe)
        ]

    assert [answer.returncode for answer in answers] == [1, 1]
    assert [answer.stderr for answer in answers] == ["wce: standard output: No space left on device\n", ""]


def test_the_doctor_goes_on_where_it_may_not_look_into_the_folder(folder):
    folder.mkdir(mode=0o000)
    as_anybody = [] if os.geteuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]

    done = subprocess.run(
        [*as_anybody, sys.executable, "-m", "wce", "doctor"],
        cwd=ROOT,
        env={"WCE_STORAGE_DIR": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 3
    assert f"{folder} cannot be written by this user" in done.stdout
    assert "descriptors" in done.stdout
