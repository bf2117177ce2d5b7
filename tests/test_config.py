"""Server settings: what they accept, what they refuse, and how they tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from wce.config import SettingError, Settings, describe, from_environment, unknown, window


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = from_environment({})

    assert (settings.host, settings.port, settings.storage_dir) == ("127.0.0.1", 5309, Path("cenvs"))
    assert settings.allow_new_cenvs
    assert not settings.production


def test_an_empty_value_counts_as_not_set() -> None:
    assert from_environment({"WCE_PORT": ""}).port == 5309


def test_a_variable_sets_its_field() -> None:
    settings = from_environment({"WCE_PORT": "8000", "ALLOW_NEW_CENVS": "No", "WCE_HOSTS": "a.example, b.example,"})

    assert (settings.port, settings.allow_new_cenvs, settings.hosts) == (8000, False, ("a.example", "b.example"))


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("WCE_PORT", "65536", "from 0 to 65535"),
        ("WCE_PORT", "-1", "from 0 to 65535"),
        ("WCE_PORT", "5309.0", "whole number"),
        ("WCE_PORT", "٥", "whole number"),
        ("WCE_PORT", "9" * 19, "whole number"),
        ("ALLOW_NEW_CENVS", "maybe", "true or false"),
        ("WCE_ENV", "staging", "one of development, production"),
        ("WCE_SERVER", "gunicorn", "one of waitress, granian"),
        ("WCE_JWT_SECRET", "x" * 31, "at least 32 bytes"),
        ("WCE_DURABILITY", "FULL", "one of normal, full"),
        ("WCE_RATE_LIMIT_NEW", "20/hour", "look like"),
        ("WCE_RATE_LIMIT_LOGIN", "0 per minute", "look like"),
        ("WCE_BASE_URL", "wce.example.org", "look like https://wce.example.org"),
        ("WCE_BASE_URL", "HTTPS://wce.example.org", "look like"),
        ("WCE_BASE_URL", "https://wce.example.org/wce", "without a path"),
        ("WCE_BASE_URL", "https://wce.example.org:66000", "look like"),
        ("WCE_HOSTS", "*.example.org", "must be host names"),
        ("WCE_HOSTS", "https://wce.example.org", "must be host names"),
        ("WCE_CONTENT_HOST", "https://pages.example.org", "a host name"),
        ("WCE_TRUSTED_PROXY", "10.0.0.1, *", "IP addresses and networks"),
        ("WCE_METRICS_TOKEN", "two words", "without blanks"),
        ("WCE_REDIS_URL", "redis.example.org", "begin with redis://"),
        ("WCE_REDIS_URL", "redis://127.0.0.1:port/0", "look like redis://"),
        ("WCE_REDIS_URL", "redis://127.0.0.1/first", "look like redis://"),
        ("WCE_CONTENT_HOST", "pages.example.org:99999", "a host name"),
        ("WCE_BACKUP_S3_URL", "http://my_minio:9000/bucket", "without an underscore"),
        ("WCE_BACKUP_S3_REGION", "eu central", "letters, digits and hyphens"),
        ("WCE_BACKUP_S3_URL", "s3://bucket", "look like https://s3.example.org/bucket"),
        ("WCE_BACKUP_S3_URL", "https://s3.example.org/", "look like"),
        ("WCE_BACKUP_S3_URL", "https://key:secret@s3.example.org/bucket", "look like"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_by_name_and_rule(name: str, text: str, rule: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} .*{rule}"):
        from_environment({name: text})


def test_every_broken_setting_is_named_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        from_environment({"WCE_PORT": "x", "WCE_THREADS": "0"})

    assert "WCE_PORT" in str(caught.value)
    assert "WCE_THREADS" in str(caught.value)


def test_a_refusal_does_not_repeat_a_secret() -> None:
    with pytest.raises(SettingError) as caught:
        from_environment({"WCE_JWT_SECRET": "hunter2"})

    assert "hunter2" not in str(caught.value)


def test_production_wants_a_signing_key() -> None:
    with pytest.raises(SettingError, match="WCE_JWT_SECRET must be set"):
        from_environment({"WCE_ENV": "production"})

    assert from_environment({"WCE_ENV": "production", "WCE_JWT_SECRET": "k" * 32}).production


def test_development_signs_with_a_new_random_key_each_time() -> None:
    first, second = from_environment({}), from_environment({})

    assert len(first.jwt_secret) >= 32
    assert first.jwt_secret != second.jwt_secret


def test_a_signing_key_is_measured_in_bytes() -> None:
    assert from_environment({"WCE_JWT_SECRET": "ü" * 16}).jwt_secret == "ü" * 16


def test_overrides_for_all_cenvs_are_collected_by_key() -> None:
    settings = from_environment({"WCE_CENV_MAX_USERS": "3", "WCE_PORT": "1"})

    assert settings.cenv_overrides == {"max_users": "3"}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]


def test_the_description_names_every_variable_once() -> None:
    names = [name for name, _default, _description in describe()]

    assert len(names) == len(set(names))
    assert {"WCE_PORT", "ALLOW_NEW_CENVS", "WCE_JWT_SECRET"} <= set(names)


def test_the_description_shows_no_random_value() -> None:
    defaults = {name: default for name, default, _description in describe()}

    assert defaults["WCE_INSTANCE"] == "random"


def test_a_rate_is_so_many_hits_in_a_window() -> None:
    assert [window("100 per minute"), window("1 per second"), window("20 per hour"), window("5 per day")] == [
        (100, 60),
        (1, 1),
        (20, 3600),
        (5, 86400),
    ]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WCE_BACKUP_S3_KEY": "k", "WCE_BACKUP_S3_SECRET": "s"}, "must be set together"),
        ({"WCE_BACKUP_S3_URL": "https://s3.example.org/b"}, "must be set together"),
        (
            {"WCE_BACKUP_S3_URL": "https://[::1]:9000/b/c", "WCE_BACKUP_S3_KEY": "k", "WCE_BACKUP_S3_SECRET": "s", "WCE_BACKUP_DIR": "b"},
            "WCE_BACKUP_DIR and WCE_BACKUP_S3_URL exclude each other",
        ),
        ({"WCE_BASE_URL": "https://a.example:8443", "WCE_CONTENT_HOST": "A.example:9443"}, "WCE_CONTENT_HOST must be a different host"),
    ],
)
def test_settings_that_do_not_go_together_are_told(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        from_environment(environ)


def test_what_a_server_behind_a_proxy_sets_is_taken() -> None:
    settings = from_environment(
        {
            "WCE_BASE_URL": "https://Wce.example.org:8443/",
            "WCE_HOSTS": "wce.example.org:8443, [::1], 127.0.0.1",
            "WCE_CONTENT_HOST": "pages.example.org:8443",
            "WCE_TRUSTED_PROXY": "10.0.0.5, fd00::/8",
            "WCE_REDIS_URL": "rediss://:p%40ss@redis.example.org:6379/0",
            "WCE_CENV_MAX_USERS": "",
        }
    )

    assert settings.hosts == ("wce.example.org", "[::1]", "127.0.0.1")
    assert [str(peer) for peer in settings.trusted_proxies] == ["10.0.0.5/32", "fd00::/8"]
    assert not settings.cenv_overrides


def test_a_proxy_may_pass_on_another_name_than_the_public_one() -> None:
    environ = {"WCE_BASE_URL": "https://wce.example.org", "WCE_HOSTS": "127.0.0.1,localhost"}

    assert from_environment(environ).hosts == ("127.0.0.1", "localhost")


def test_names_that_only_look_like_settings_are_found() -> None:
    environ = {
        "WCE_ALLOW_NEW_CENVS": "false",
        "WCE_BASEURL": "https://a.example",
        "WCE_DOMAIN": "x",
        "WCE_PORT": "1",
        "WCE_CENV_TITLE": "x",
    }

    assert unknown(environ) == [("WCE_ALLOW_NEW_CENVS", "ALLOW_NEW_CENVS"), ("WCE_BASEURL", "WCE_BASE_URL"), ("WCE_DOMAIN", "")]
