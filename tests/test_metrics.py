"""What the server counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import generate_latest

from wce.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent


def test_two_applications_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()

    first.commits.inc()

    assert b"wce_commits_total 1.0" in generate_latest(first.registry)
    assert b"wce_commits_total 0.0" in generate_latest(second.registry)


def test_every_metric_is_ours_and_explained() -> None:
    families = list(Metrics().registry.collect())

    assert families
    assert all(family.name.startswith("wce_") and family.documentation for family in families)


SHARED = """
import os, sys
from wce.metrics import Metrics
metrics = Metrics(os.environ["PROMETHEUS_MULTIPROC_DIR"])
metrics.commits.inc(2)
metrics.open_cenvs.inc()
metrics.requests.labels("/health", "GET", "200").inc()
print(metrics.text().decode())
sys.stdout.flush()
os._exit(9)
"""


def test_processes_that_share_a_folder_tell_the_sum_and_forget_who_is_dead(tmp_path: Path) -> None:
    def counted() -> str:
        environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", SHARED], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 9, done.stderr
        return done.stdout

    counted()
    told = counted()

    assert "# HELP wce_commits_total Write transactions committed." in told
    assert "wce_commits_total 4.0" in told
    assert 'wce_requests_total{method="GET",route="/health",status="200"} 2.0' in told
    assert "wce_open_cenvs 1.0" in told
    facts = [path.stat() for path in tmp_path.iterdir()]
    assert all(fact.st_blocks * 512 >= fact.st_size for fact in facts)  # to write to a hole on a full disk ends the process
