"""The bounded map."""

from __future__ import annotations

import threading

from wce.cache import Cache


def test_what_was_put_is_found() -> None:
    cache: Cache[str, int] = Cache(2)

    cache.put("a", 1)

    assert cache.get("a") == 1


def test_what_was_never_put_is_none() -> None:
    assert Cache[str, int](2).get("a") is None


def test_the_entry_used_longest_ago_goes_first() -> None:
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)

    cache.get("a")
    cache.put("c", 3)

    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_putting_again_replaces_and_refreshes() -> None:
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)

    cache.put("a", 9)
    cache.put("c", 3)

    assert (cache.get("a"), cache.get("b")) == (9, None)


def test_get_or_makes_a_value_once() -> None:
    made: list[int] = []
    cache: Cache[str, int] = Cache(2)

    def make() -> int:
        made.append(1)
        return 5

    assert [cache.get_or("a", make), cache.get_or("a", make)] == [5, 5]
    assert made == [1]


def test_clear_forgets_everything() -> None:
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1)

    cache.clear()

    assert len(cache) == 0


def test_threads_never_push_it_over_its_bound() -> None:
    cache: Cache[int, int] = Cache(50)

    def fill(start: int) -> None:
        for number in range(start, start + 2_000):
            cache.put(number % 97, number)
            cache.get(number % 89)

    threads = [threading.Thread(target=fill, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(cache) == 50
