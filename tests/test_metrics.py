"""What the server counts."""

from __future__ import annotations

from prometheus_client import generate_latest

from wce.metrics import Metrics


def test_two_applications_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()

    first.commits.inc()

    assert b"wce_commits_total 1.0" in generate_latest(first.registry)
    assert b"wce_commits_total 0.0" in generate_latest(second.registry)


def test_every_metric_is_ours_and_explained() -> None:
    families = list(Metrics().registry.collect())

    assert families
    assert all(family.name.startswith("wce_") and family.documentation for family in families)
