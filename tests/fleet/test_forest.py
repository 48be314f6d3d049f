"""Parents and roots: by record, by name, by an equal prompt shortly before."""

from __future__ import annotations

from random import Random

from g6o_eval.fleet.ingest.forest import NO_PROMPT, Asked, Node, Place, plant


def node(name: str, *, parent: str | None = None, prompt: str | None = None, at: int | None = 0) -> Node:
    return Node(session_id=name, parent_id=parent, prompt_sha256=prompt, started_at=at)


def asked(by: str, prompt: str, *, index: int = 0, at: int | None = 0, child: str | None = None) -> Asked:
    return Asked(session_id=by, index=index, ts=at, prompt_sha256=prompt, child_id=child)


def test_a_session_nobody_asked_for_is_its_own_root() -> None:
    assert plant([node("a")], []) == {"a": Place(parent_id=None, method=None, root_id="a")}


def test_the_childs_own_record_comes_before_the_parents_and_that_before_the_prompt() -> None:
    nodes = [node("p1"), node("p2"), node("p3"), node("c", parent="p1", prompt="x", at=9), node("d", prompt="x", at=9)]
    asks = [asked("p2", "x", child="c"), asked("p2", "x", index=1, child="d"), asked("p3", "x", at=8)]

    places = plant(nodes, asks)

    assert [(places[name].parent_id, places[name].method) for name in "cd"] == [("p1", "history"), ("p2", "named")]


def test_an_equal_prompt_is_matched_with_the_last_asking_before_the_start() -> None:
    asks = [asked("p", "x", index=1, at=10), asked("q", "x", at=20), asked("r", "x", at=40), asked("s", "y", at=25)]

    place = plant([node("p"), node("q"), node("r"), node("s"), node("c", prompt="x", at=30)], asks)["c"]

    assert place == Place(parent_id="q", method="prompt", root_id="q")


def test_each_asking_has_one_child() -> None:
    nodes = [node("p"), node("c1", prompt="x", at=11), node("c2", prompt="x", at=21), node("c3", prompt="x", at=22)]

    places = plant(nodes, [asked("p", "x", index=1, at=10), asked("p", "x", index=2, at=20)])

    assert [places[name].parent_id for name in ("c1", "c2", "c3")] == ["p", "p", None]


def test_the_root_is_the_topmost_and_a_missing_parent_keeps_its_children_together() -> None:
    places = plant([node("b", parent="a"), node("c", parent="b"), node("d", parent="a")], [])

    assert {places[name].root_id for name in "bcd"} == {"a"}


def test_a_circle_in_the_sources_has_one_root() -> None:
    places = plant([node("a", parent="c"), node("b", parent="a"), node("c", parent="b"), node("d", parent="c")], [])

    assert {place.root_id for place in places.values()} == {"a"}


def test_a_session_is_not_its_own_parent() -> None:
    places = plant([node("a", parent="a", prompt="x", at=5)], [asked("a", "x", child="a"), asked("a", "x", index=1)])

    assert places["a"].parent_id is None


def test_without_times_nothing_is_guessed() -> None:
    places = plant([node("p"), node("c", prompt="x", at=None), node("d", prompt="x")], [asked("p", "x", at=None)])

    assert [places[name].parent_id for name in "cd"] == [None, None]


def test_the_order_of_the_sessions_does_not_matter() -> None:
    nodes = [node(f"c{n}", prompt="x", at=10 * n + 5) for n in range(8)] + [node("p")]
    asks = [asked("p", "x", index=n, at=10 * n) for n in range(8)]
    expected = plant(nodes, asks)

    for seed in range(5):
        mixed, mixed_asks = nodes.copy(), asks.copy()
        Random(seed).shuffle(mixed)
        Random(seed).shuffle(mixed_asks)
        assert plant(mixed, mixed_asks) == expected


def test_where_a_prompt_was_lost_the_start_that_came_next_is_the_child() -> None:
    nodes = [node("p", prompt="r"), node("c1", at=130), node("c2", at=120), node("late", at=200_000)]

    places = plant(nodes, [asked("p", "x", at=100)])

    assert {name: places[name].method for name in ("c1", "c2", "late")} == {"c1": None, "c2": "nearest", "late": None}


def test_a_lost_prompt_of_the_asking_is_no_hindrance_either() -> None:
    places = plant([node("p", prompt="r"), node("c", prompt="x", at=120)], [asked("p", NO_PROMPT, at=100)])

    assert places["c"] == Place(parent_id="p", method="nearest", root_id="p")


def test_two_prompts_that_differ_are_no_pair_however_near() -> None:
    places = plant([node("p", prompt="r"), node("c", prompt="y", at=101)], [asked("p", "x", at=100)])

    assert places["c"].parent_id is None


def test_the_nearest_start_takes_no_child_that_is_known_otherwise_and_each_asking_once() -> None:
    nodes = [node("p", prompt="r"), node("known", parent="q", at=101), node("c", at=102), node("d", at=103)]

    places = plant(nodes, [asked("p", "x", at=100), asked("p", "y", index=1, at=90, child="gone")])

    assert [places[name].parent_id for name in ("known", "c", "d")] == ["q", "p", None]


def test_children_of_one_turn_are_told_apart() -> None:
    asks = [Asked(session_id="p", index=0, part=part, ts=10, prompt_sha256="x", child_id=None) for part in (0, 1)]

    places = plant([node("p"), node("c", prompt="x", at=11), node("d", prompt="x", at=12)], asks)

    assert [places[name].parent_id for name in "cd"] == ["p", "p"]


def test_a_link_says_how_far_it_may_be_believed() -> None:
    methods = ("history", "named", "prompt", "nearest", None)

    found = [Place(parent_id="p", method=method, root_id="p").confidence for method in methods]  # type: ignore[arg-type]

    assert found == [1.0, 1.0, 0.95, 0.5, None]
