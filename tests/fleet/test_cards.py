"""Cards: what LIKE means, what a verdict says, and which cards nobody can pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from g6o_eval.errors import DataError
from g6o_eval.fleet.cards import (
    CARDS,
    Card,
    Pattern,
    card_of_mode,
    check_card,
    evaluate,
    is_satisfiable,
    like,
    load_cards,
    read_cards,
    seed_rows,
    unsatisfiable,
)
from g6o_eval.fleet.inventory import MODE_CARDS
from g6o_eval.fleet.session import Punch, PunchType
from g6o_eval.store.port import Store
from support.dolt_server import DoltServer


def punch(kind: PunchType, key: str, *, at: int = 0) -> Punch:
    return Punch(punch_type=kind, punch_key=key, ts=at, file="f", index=at)


def rule(text: str, *, forbidden: bool = False) -> Pattern:
    kind, _, pattern = text.partition(":")
    (card,) = read_cards([("c", "w", kind, pattern, not forbidden, forbidden, False, "")]).values()
    return card.patterns[0]


def card(*required: str, forbidden: tuple[str, ...] = ()) -> Card:
    rules = [*(rule(each) for each in required), *(rule(each, forbidden=True) for each in forbidden)]
    return Card(card_id="c", workflow="w", patterns=tuple(rules))


# ── LIKE ──


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("abc", "abc", True), ("abc", "ab", False), ("abc", "a%", True), ("abc", "%", True), ("", "%", True),
        ("", "_", False), ("abc", "a_c", True), ("abc", "____", False), ("ABC", "abc", False),
        ("a%c", r"a\%c", True), ("abc", r"a\%c", False), ("a_c", r"a\_c", True), ("abc", r"a\bc", True),
        ("a\\c", r"a\\c", True), ("a.c", "a.c", True), ("abc", "a.c", False), ("a\nb", "a%b", True), ("😀", "_", True),
        ("codebase-retrieval", "%codebase___retrieval%", False),
        ("codebase___retrieval", "%codebase___retrieval%", True),
        ("a\\", "a\\", False), ("a", "a\\", False),
    ],
)  # fmt: skip
def test_like_is_that_of_the_server_under_its_binary_collation(text: str, pattern: str, fits: bool) -> None:
    assert like(text, pattern) is fits


_SIGNS = st.text(st.sampled_from("aAbß%_\\.*^$é😀\n'"), max_size=7)


@given(st.lists(st.tuples(_SIGNS, _SIGNS), min_size=150, max_size=150))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@example([("a\\", "a\\"), ("a", "a\\"), ("%", "\\%"), ("\\a", "\\\\a"), ("\\", "\\\\\\"), ("ß", "ss"), ("É", "é")])
def test_like_agrees_with_the_real_servers(dolt_server: DoltServer, pairs: list[tuple[str, str]]) -> None:
    client = dolt_server.client()
    try:
        with client.cursor() as cursor:
            cursor.execute(
                "SELECT " + ", ".join(["%s LIKE %s COLLATE utf8mb4_0900_bin"] * len(pairs)),
                [s for p in pairs for s in p],
            )
            (said,) = cursor.fetchall()
    finally:
        client.close()

    assert [(*pair, like(*pair)) for pair in pairs] == [
        (*pair, bool(one)) for pair, one in zip(pairs, said, strict=True)
    ]


# ── verdicts ──


def test_a_card_passes_when_nothing_is_missing_and_nothing_forbidden_was_done() -> None:
    verdict = evaluate(card("gate_pass:pytest", forbidden=("child_spawn:%",)), [punch("gate_pass", "pytest")])

    assert (verdict.status, verdict.missing, verdict.violations) == ("pass", (), ())


def test_missing_rules_and_violations_are_both_told_with_their_number() -> None:
    punches = [punch("tool_call", "apply_diff", at=n) for n in range(3)]

    verdict = evaluate(card("gate_pass:pytest", "gate_pass:mypy", forbidden=("tool_call:apply_diff%",)), punches)

    assert verdict.status == "fail"
    assert [str(each) for each in verdict.missing] == ["gate_pass:pytest", "gate_pass:mypy"]
    assert [(str(each), count) for each, count in verdict.violations] == [("tool_call:apply_diff%", 3)]


def test_a_punch_of_another_type_fits_no_rule() -> None:
    assert evaluate(card("gate_pass:pytest"), [punch("gate_fail", "pytest")]).status == "fail"


@pytest.mark.parametrize("name", ["edit", "edit_file", "apply_diff", "appliedDiff", "editedExistingFile"])
def test_a_rule_about_edit_file_trips_on_the_edit_of_every_dialect(name: str) -> None:
    verdict = evaluate(card(forbidden=("tool_call:edit_file%",)), [punch("tool_call", name)])

    assert verdict.status == "fail"


@pytest.mark.parametrize("name", ["read", "readFile", "read_file"])
def test_a_card_that_asks_for_read_file_can_be_passed_in_every_dialect(name: str) -> None:
    assert evaluate(card("tool_call:read_file"), [punch("tool_call", name)]).status == "pass"


@pytest.mark.parametrize("key", ["augment-context-engine:codebase-retrieval", "codebase___retrieval"])
def test_the_search_of_every_dialect_is_the_search_that_cards_ask_for(key: str) -> None:
    assert evaluate(card("mcp_call:%codebase___retrieval%"), [punch("mcp_call", key)]).status == "pass"


def test_a_card_without_rules_is_an_error_and_never_a_pass() -> None:
    with pytest.raises(DataError) as caught:
        evaluate(card(), [])

    assert str(caught.value) == "card 'c' has no rules: every session would pass. Add one, or drop the card"


def test_two_rules_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(DataError) as caught:
        evaluate(card("child_spawn:%", forbidden=("child_spawn:%",)), [])

    assert str(caught.value) == "card 'c' asks for and forbids child_spawn:%: drop one of the two rules"


@pytest.mark.parametrize(
    ("asked", "forbidden", "contradicts"),
    [
        ("child_spawn:code", "child_spawn:%", True),
        ("child_spawn:%orchestrator%", "child_spawn:%", True),
        ("tool_call:edit_file%", "tool_call:edit%", True),
        ("tool_call:edit%", "tool_call:edit_file%", False),
        ("child_spawn:%", "child_spawn:_", False),
        ("child_spawn:_ode", "child_spawn:____", True),
        ("gate_pass:100\\%", "gate_pass:100\\%", True),
        ("gate_pass:100%", "gate_pass:100\\%", False),
        ("gate_pass:code", "child_spawn:%", False),
    ],
)
def test_a_rule_that_is_forbidden_by_a_wider_one_contradicts_it(asked: str, forbidden: str, contradicts: bool) -> None:
    torn = card(asked, forbidden=(forbidden,))

    if not contradicts:
        check_card(torn)
        return
    with pytest.raises(DataError, match="card 'c' asks for and forbids"):
        check_card(torn)


def test_no_card_of_ours_contradicts_itself() -> None:
    for each in CARDS.values():
        check_card(each)


# ── rows ──


def test_a_row_that_is_required_and_forbidden_is_forbidden_as_in_the_daemons_seeds() -> None:
    cards = read_cards([("c", "w", "child_spawn", "%", True, True, True, "no children")])

    assert cards["c"].required == ()
    assert [str(each) for each in cards["c"].forbidden] == ["child_spawn:%"]


def test_a_row_that_is_neither_is_an_option_and_no_rule() -> None:
    rows = [
        ("c", "w", "cost_checkpoint", "%", False, False, False, ""),
        ("c", "w", "gate_pass", "mypy", True, False, False, ""),
    ]

    assert [str(each) for each in read_cards(rows)["c"].patterns] == ["gate_pass:mypy"]


def test_a_punch_type_may_be_the_place_in_the_daemons_enum_and_nothing_else() -> None:
    assert str(read_cards([("c", "w", "4", "pytest", True, False, False, "")])["c"].patterns[0]) == "gate_pass:pytest"
    with pytest.raises(
        DataError, match="punch_cards: card 'c' asks for punch type 'gate', expected one of tool_call, "
    ):
        read_cards([("c", "w", "gate", "pytest", True, False, False, "")])


def test_the_cards_of_the_store_come_before_the_inventorys(fleet_store: Store) -> None:
    assert load_cards(fleet_store) is CARDS

    columns = ("card_id", "workflow_name", "punch_type", "punch_key_pattern", "required", "forbidden", "enforced")
    with fleet_store.change("Add a card") as change:
        change.insert(
            "punch_cards",
            columns,
            [("own", "w", "gate_pass", "mypy", 1, 0, 0), ("own", "w", "child_spawn", "%", 1, 1, 1)],
        )

    (own,) = load_cards(fleet_store).values()
    assert (own.card_id, [(str(each), each.forbidden, each.enforced) for each in own.patterns]) == (
        "own",
        [("child_spawn:%", True, True), ("gate_pass:mypy", False, False)],
    )


# ── the inventory ──


def test_the_inventory_has_the_daemons_cards_and_a_card_for_each_of_its_modes() -> None:
    assert (len(CARDS), len(seed_rows())) == (21, 106)
    assert set(MODE_CARDS.values()) <= set(CARDS)
    assert all(each.description for found in CARDS.values() for each in found.patterns)


def test_no_card_of_the_inventory_is_empty_or_contradicts_itself() -> None:
    assert {evaluate(each, []).status for each in CARDS.values()} == {"fail"}


def test_a_card_that_nobody_can_pass_is_told() -> None:
    found = {name: [str(each) for each in rules] for name, rules in unsatisfiable(CARDS.values()).items()}

    assert found == {"validate-plant": ["gate_pass:workflow-gate"], "fitter-line-health": ["gate_pass:workflow-gate"]}


def test_what_is_missing_and_can_never_be_punched_is_told_apart() -> None:
    verdict = evaluate(CARDS["fitter-line-health"], [])

    assert [str(each) for each in verdict.unsatisfiable] == ["gate_pass:workflow-gate"]
    assert not is_satisfiable(rule("tool_call:updateTodo"))
    assert is_satisfiable(rule("tool_call:update_todo_list"))


@pytest.mark.parametrize("mode", ["code", "💻 Code"])
def test_a_mode_has_its_card_by_either_of_its_names(mode: str) -> None:
    assert card_of_mode(mode) is CARDS["execute-subtask"]


def test_a_mode_without_a_card_has_none() -> None:
    assert (card_of_mode("general"), card_of_mode(None), card_of_mode("code", {})) == (None, None, None)


_PUNCHES = st.lists(st.sampled_from(("mypy", "pytest", "tsc")).map(lambda key: punch("gate_pass", key)))


@given(_PUNCHES, _PUNCHES, st.sampled_from(sorted(CARDS)))
def test_more_punches_never_bring_back_what_was_missing_nor_take_back_a_violation(
    first: list[Punch], more: list[Punch], name: str
) -> None:
    before, after = evaluate(CARDS[name], first), evaluate(CARDS[name], [*first, *more])

    assert set(after.missing) <= set(before.missing)
    assert len(after.violations) >= len(before.violations)


def test_a_rule_fits_by_its_key_and_type_alone() -> None:
    one = punch("gate_pass", "mypy")

    assert rule("gate_pass:mypy").fits(replace(one, ts=None, index=9))
