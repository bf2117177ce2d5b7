from __future__ import annotations

import pytest

from wce.config import SettingError
from wce.core import audit
from wce.core.logins import anonymous
from wce.core.settings import CenvSettings, Config, describe
from wce.errors import WceError
from wce.model import Role


def version(world) -> int:
    return anonymous(world.session).state.settings


def test_nothing_set_means_the_defaults(world):
    assert Config({}).read(world.session, version(world)) == CenvSettings()


def test_a_change_acts_with_the_next_version_in_every_process(world):
    here, elsewhere = Config({}), Config({})
    elsewhere.read(world.session, version(world))

    here.update(world.session, world.owner, {"max_users": 20, "cors_origins": ["https://app.example.org"]})

    assert elsewhere.read(world.session, version(world)).max_users == 20
    assert here.read(world.session, version(world)).cors_origins == ("https://app.example.org",)


def test_one_bad_field_changes_nothing_and_every_bad_field_is_named(world):
    config = Config({})

    with pytest.raises(WceError) as caught:
        config.update(world.session, world.owner, {"max_users": 20, "query_max_rows": 0, "page_cache": "yes", "colour": 1})

    assert [error.field for error in caught.value.errors] == ["query_max_rows", "page_cache", "colour"]
    assert config.read(world.session, version(world)) == CenvSettings()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session_timeout_hours", 0),
        ("session_timeout_hours", 1.5),
        ("session_timeout_hours", "24"),
        ("session_timeout_hours", True),
        ("max_users", 10**9),
        ("allow_registration", 1),
        ("registration_role", "admin"),
        ("registration_role", ["viewer"]),
        ("rate_limit_ip", "100"),
        ("rate_limit_ip", "0 per minute"),
        ("rate_limit_ip", "5 per minutes"),
        ("rate_limit_ip", "5 per minute; 9 per hour"),
        ("rate_limit_ip", 5),
        ("cors_origins", "https://app.example.org"),
        ("cors_origins", ["*"]),
        ("cors_origins", [f"https://{'a' * 300}.example.org"]),
        ("cors_origins", ["null"]),
        ("cors_origins", ["https://*.example.org"]),
        ("cors_origins", ["https://app.example.org/"]),
        ("cors_origins", ["https://app.example.org:443"]),
        ("cors_origins", ["https://app.example.org:99999"]),
        ("cors_origins", ["https://App.example.org"]),
        ("cors_origins", ["https://u@app.example.org"]),
        ("cors_origins", ["ftp://app.example.org"]),
        ("cors_origins", ["https://"]),
        ("cors_origins", ["https://["]),
        ("cors_origins", [1]),
        ("cors_origins", ["https://app.example.org"] * 51),
    ],
)
def test_a_value_outside_of_its_rule_is_refused(world, key, value):
    with pytest.raises(WceError) as caught:
        Config({}).update(world.session, world.owner, {key: value})

    assert [error.field for error in caught.value.errors] == [key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate_limit_ip", "5 per second"),
        ("rate_limit_user", "7 per day"),
        ("registration_role", "editor"),
        ("cors_origins", []),
        ("cors_origins", ["http://localhost:3000", "https://[::1]:8443"]),
    ],
)
def test_a_value_within_its_rule_is_kept(world, key, value):
    entries = Config({}).update(world.session, world.owner, {key: value})

    assert (entries[key].value, entries[key].source) == (value, "cenv")


def test_null_goes_back_to_the_default(world):
    config = Config({})
    config.update(world.session, world.owner, {"max_users": 20})

    entries = config.update(world.session, world.owner, {"max_users": None})

    assert (entries["max_users"].value, entries["max_users"].source) == (10, "default")
    assert config.read(world.session, version(world)).max_users == 10


def test_the_environment_overrides_and_locks(world):
    Config({}).update(world.session, world.owner, {"max_users": 20})
    config = Config(
        {"max_users": "3", "page_cache": "off", "cors_origins": "https://a.example, https://b.example", "rate_limit_ip": "9 per day"}
    )

    entry = config.list(world.session)["max_users"]
    settings = config.read(world.session, version(world))
    with pytest.raises(WceError) as caught:
        config.update(world.session, world.owner, {"max_users": 4})

    assert (entry.value, entry.source) == (3, "environment")
    assert settings.rate_limit_ip == "9 per day"
    assert (settings.max_users, settings.page_cache, settings.cors_origins) == (3, False, ("https://a.example", "https://b.example"))
    assert caught.value.errors[0].field == "max_users"


def test_a_broken_environment_stops_the_start_and_names_every_variable():
    with pytest.raises(SettingError, match=r"WCE_CENV_MAX_USERS .*WCE_CENV_PAGE_CACHE .*WCE_CENV_COLOUR"):
        Config({"max_users": "many", "page_cache": "perhaps", "colour": "red"})


def test_a_change_is_audited(world):
    Config({}).update(world.session, world.owner, {"max_users": 20})

    (entry,) = audit.find(world.session, audit.AuditFilters(action="config.update")).entries
    assert entry.details == {"max_users": 20}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_only_administrators_change_settings(world, role):
    user = world.add("someone", role)

    with pytest.raises(WceError) as caught:
        Config({}).update(world.session, user, {"max_users": 20})

    assert caught.value.code == "forbidden"


def test_a_stored_value_that_this_version_cannot_read_counts_as_not_set(world):
    world.sql("INSERT INTO _wce_config VALUES ('max_users', '\"many\"', 0, NULL), ('old', '1', 0, NULL), ('page_cache', 'no', 0, NULL)")

    assert Config({}).read(world.session, version(world)) == CenvSettings()


def test_the_limits_of_a_statement_follow_the_settings():
    limits = CenvSettings(query_timeout_seconds=3, query_max_rows=7, max_database_mb=2).limits

    assert (limits.timeout_seconds, limits.max_rows, limits.max_database_bytes) == (3.0, 7, 2 * 1024 * 1024)


def test_every_setting_describes_itself():
    rows = {name: (kind, default) for name, kind, default, _ in describe()}

    assert rows["max_users"] == ("integer", 10)
    assert rows["cors_origins"] == ("list", [])
    assert all(description.endswith(".") for *_, description in describe())
