from __future__ import annotations

import copy
import gc
import pickle
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.dataset import GROUP_FIELD, KEY_FIELD, Dataset, Shares, group_of, key_of, split_of
from g6o_eval.errors import DataError, LeakError, QueryError
from g6o_eval.store.examples import Splits, example_of, normalised, read_examples
from g6o_eval.store.port import Row, Store, Value

TICKETS = Dataset("SELECT id, account, text, label FROM tickets", key="id", inputs=("text",), group="account")

TABLE = (
    "CREATE TABLE tickets (place BIGINT, id VARCHAR(50), account VARCHAR(50), text LONGTEXT, label VARCHAR(50), "
    "ok BOOLEAN, meta JSON)"
)


def fill(store: Store, rows: Sequence[Row], *, columns: str = "id, account, text, label", table: str = TABLE) -> str:
    names = [name.strip() for name in columns.split(",")]
    with store.change("Fill") as change:
        change.execute(table)
        change.insert("tickets", names, rows)
    return store.head()


def tickets(count: int) -> list[Row]:
    return [(f"t{i:03d}", f"a{i // 2}", f"text {i}", "bug") for i in range(count)]


def read(store: Store, dataset: Dataset = TICKETS) -> Splits:
    return read_examples(store, dataset, at=store.head(), eval_name="triage")


def refusal(store: Store, dataset: Dataset = TICKETS) -> str:
    with pytest.raises(DataError) as caught:
        read(store, dataset)
    return str(caught.value)


def make(key: str, group: str, **inputs: Any) -> Any:
    example: Any = dspy.Example
    return example(**inputs, dspy_g6o_key=key, dspy_g6o_group=group).with_inputs(*inputs)


def test_examples_are_split_by_their_group_and_ordered_by_key(store: Store) -> None:
    fill(store, tickets(60)[::-1])

    splits = read(store)

    for name in ("train", "dev", "test"):
        examples = getattr(splits, name)
        assert {split_of(group_of(each), TICKETS.shares) for each in examples} == {name}
        assert [key_of(each) for each in examples] == sorted(key_of(each) for each in examples)
    assert len(splits.train) + len(splits.dev) + len(splits.test) == 60
    assert {each.label for each in splits.test} == {"bug"}


def test_an_example_shows_its_columns_but_neither_key_field_nor_group_field(store: Store) -> None:
    fill(store, tickets(20))

    example: Any = read(store).test[0]

    assert sorted(example.keys()) == ["account", "id", "label", "text"]
    assert list(example.inputs().keys()) == ["text"]
    assert key_of(example) == example.id
    assert group_of(example) == example.account


def test_without_a_group_the_key_is_the_group(store: Store) -> None:
    fill(store, tickets(20))

    splits = read(store, Dataset(TICKETS.query, key="id", inputs=("text",)))

    assert all(group_of(each) == key_of(each) for each in (*splits.train, *splits.dev, *splits.test))


def test_keys_are_ordered_by_code_point_whatever_the_engine_does(store: Store) -> None:
    keys = ["b", "B", "é", "z", "a", "10", "9", "🎉", "\uffff", "_"]
    fill(store, [(key, key, f"text {n}", "x") for n, key in enumerate(keys)])

    splits = read(store, Dataset(TICKETS.query, key="id", inputs=("text",), shares=Shares(0, 0, 1)))

    assert [key_of(each) for each in splits.test] == sorted(keys)


def test_integer_keys_become_texts(store: Store) -> None:
    fill(store, [(i, f"text {i}") for i in (10, 9)], columns="place, text")

    splits = read(
        store, Dataset("SELECT place, text FROM tickets", key="place", inputs=("text",), shares=Shares(0, 0, 1))
    )

    assert [(key_of(each), each.place) for each in splits.test] == [("10", 10), ("9", 9)]


def test_examples_are_read_at_their_commit(store: Store) -> None:
    before = fill(store, tickets(40))
    with store.change("More") as change:
        change.execute("UPDATE tickets SET label = 'changed'")

    splits = read_examples(store, TICKETS, at=before, eval_name="triage")

    assert {each.label for each in splits.test} == {"bug"}


def test_hashes_move_with_the_rows_and_with_nothing_else(store: Store) -> None:
    fill(store, tickets(40))
    first = read(store)
    with store.change("Elsewhere") as change:
        change.execute("CREATE TABLE other (a BIGINT NOT NULL PRIMARY KEY)")
    second = read(store)
    trained = key_of(first.train[0])
    with store.change("A label of train") as change:
        change.execute("UPDATE tickets SET label = 'other' WHERE id = ?", (trained,))
    third = read(store)

    assert (first.examples_hash, first.test_hash) == (second.examples_hash, second.test_hash)
    assert third.examples_hash != first.examples_hash
    assert third.test_hash == first.test_hash
    assert len(first.examples_hash) == 64


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"b": 1.0, "a": [1.5, null, true]}', {"a": [1.5, None, True], "b": 1}),
        ("[]", []),
        ('"x"', "x"),
        ("null", None),
        (None, None),
        ("7", 7),
        ("2.0", 2),
        ("2.5", 2.5),
        ("[4503599627370497]", [4503599627370497]),
    ],
)
def test_json_is_parsed_as_dolts_json_type_keeps_it(store: Store, text: str | None, value: object) -> None:
    fill(store, [("k", text)], columns="id, meta")

    splits = read(store, Dataset("SELECT id, meta FROM tickets", key="id", inputs=("meta",), shares=Shares(0, 0, 1)))

    assert splits.test[0].meta == value
    assert type(splits.test[0].meta) is type(value)


META = Dataset("SELECT id, meta FROM tickets", key="id", inputs=("meta",), shares=Shares(0, 0, 1))


@pytest.mark.parametrize(
    "text", ["9007199254740992", "-9007199254740993", '{"a": [18446744073709551615]}', "1e20", "123456789012345678.5"]
)
def test_a_json_integer_that_a_server_rounds_is_refused_on_every_engine(store: Store, text: str) -> None:
    fill(store, [("k0", "9007199254740991"), ("k1", text)], columns="id, meta")

    said = refusal(store, META)

    assert re.fullmatch(
        r"dataset of eval 'triage': row 'k1': column 'meta' holds the integer -?[0-9e.+]+, and JSON on a Dolt server "
        r"rounds integers from 2\^53 on\. Write it as a text in the JSON \(\"…\"\), or take the whole column as text: "
        r"CAST\(meta AS CHAR\) AS meta",
        said,
    )


def test_the_refusal_of_a_json_integer_names_it_and_what_to_write_which_is_taken(store: Store) -> None:
    fill(store, [("k1", "[9007199254740992]"), ("k2", '["9007199254740993"]')], columns="id, meta")

    said = refusal(store, META)
    cast = "CAST(meta AS CHAR) AS meta"
    taken = read(store, replace(META, query=f"SELECT id, {cast} FROM tickets"))
    texts = read(store, replace(META, query="SELECT id, meta FROM tickets WHERE id = 'k2'"))

    assert said == (
        "dataset of eval 'triage': row 'k1': column 'meta' holds the integer 9007199254740992, and JSON on a Dolt "
        f'server rounds integers from 2^53 on. Write it as a text in the JSON ("…"), or take the whole column as text: '
        f"{cast}"
    )
    assert [example.meta for example in taken.test] == ["[9007199254740992]", '["9007199254740993"]']
    assert texts.test[0].meta == ["9007199254740993"]


def test_keys_of_a_json_object_are_sorted(store: Store) -> None:
    fill(store, [("k", '{"bb": {"y": 1, "x": 2}, "a": 0}')], columns="id, meta")

    splits = read(store, Dataset("SELECT id, meta FROM tickets", key="id", inputs=("meta",), shares=Shares(0, 0, 1)))

    assert str(splits.test[0].meta) == "{'a': 0, 'bb': {'x': 2, 'y': 1}}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{not json}", "is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)): "
                       "'{not json}'"),
        ('{"a": NaN}', "is JSON with NaN, which JSON does not have"),
        ("[1e999]", "holds the number 1e999, which no float can hold"),
        ('{"a": 1, "a": 2}', "is JSON with a key that stands twice among ['a', 'a']"),
        (b"\0", "is a BLOB of 1 bytes. Write in the query: HEX(meta) AS meta"),
    ],
)  # fmt: skip
def test_bad_json_names_row_and_column(untyped_store: Store, text: Value, problem: str) -> None:
    fill(untyped_store, [("k1", text)], columns="id, meta")

    said = refusal(untyped_store, Dataset("SELECT id, meta FROM tickets", key="id", inputs=("meta",)))

    assert said == f"dataset of eval 'triage': row 'k1': column 'meta' {problem}"


def test_a_boolean_column_gives_bools(store: Store) -> None:
    fill(store, [("a", 0), ("b", 1), ("c", None)], columns="id, ok")

    splits = read(store, Dataset("SELECT id, ok FROM tickets", key="id", inputs=("ok",), shares=Shares(0, 0, 1)))

    assert [each.ok for each in splits.test] == [False, True, None]


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), ("yes", "'yes'")])
def test_a_boolean_that_is_none_is_refused(untyped_store: Store, value: Value, shown: str) -> None:
    fill(untyped_store, [("a", value)], columns="id, ok")

    said = refusal(untyped_store, Dataset("SELECT id, ok FROM tickets", key="id", inputs=("ok",)))

    assert said == f"dataset of eval 'triage': row 'a': column 'ok' is {shown}, but a BOOLEAN is 0, 1 or NULL"


@pytest.mark.parametrize(
    ("declared", "instead"),
    [
        ("DECIMAL(10, 2)", "CAST(x AS DOUBLE) AS x"),
        ("numeric", "CAST(x AS DOUBLE) AS x"),
        ("DATE", "CAST(x AS CHAR) AS x"),
        ("TIME", "CAST(x AS CHAR) AS x"),
        ("DATETIME", "CAST(x AS CHAR) AS x"),
        ("TIMESTAMP", "CAST(x AS CHAR) AS x"),
        ("LONGBLOB", "HEX(x) AS x"),
        ("VARBINARY(20)", "HEX(x) AS x"),
    ],
)
def test_a_type_that_engines_give_back_differently_is_refused_with_what_to_write(
    store: Store, declared: str, instead: str
) -> None:
    fill(store, [("a",)], columns="id", table=f"CREATE TABLE tickets (id VARCHAR(9), x {declared})")

    said = refusal(store, Dataset("SELECT id, x FROM tickets", key="id", inputs=("x",)))

    kind = declared.split("(")[0].upper()
    if store.kind == "server":
        kind = kind.replace("NUMERIC", "DECIMAL")  # its other name, which the server does not keep
    assert said == (
        f"dataset of eval 'triage': column 'x' is {kind}, which the engines give back in different forms. "
        f"Write in the query: {instead}"
    )


def test_what_the_message_says_to_write_is_taken(store: Store) -> None:
    table = "CREATE TABLE tickets (id VARCHAR(9), d DECIMAL(10, 2), t DATETIME, b LONGBLOB)"
    fill(store, [("a", 2.5, "2026-11-22 10:00:00", b"\xff")], columns="id, d, t, b", table=table)

    splits = read(
        store,
        Dataset(
            "SELECT id, CAST(d AS DOUBLE) AS d, CAST(t AS CHAR) AS t, HEX(b) AS b FROM tickets",
            key="id", inputs=("d", "t", "b"), shares=Shares(0, 0, 1),
        ),
    )  # fmt: skip

    example: Any = splits.test[0]
    assert dict(example.items()) == {"id": "a", "d": 2.5, "t": "2026-11-22 10:00:00", "b": "FF"}


def test_a_blob_in_a_text_column_is_refused(untyped_store: Store) -> None:
    fill(untyped_store, [("a", b"\xff\xfe")], columns="id, text")

    assert refusal(untyped_store, Dataset("SELECT id, text FROM tickets", key="id", inputs=("text",))) == (
        "dataset of eval 'triage': row 'a': column 'text' is a BLOB of 2 bytes. Write in the query: HEX(text) AS text"
    )


def test_an_infinity_is_refused(untyped_store: Store) -> None:
    fill(untyped_store, [("a",)], columns="id")

    said = refusal(untyped_store, Dataset("SELECT id, 9e999 AS x FROM tickets", key="id", inputs=("x",)))

    assert said == "dataset of eval 'triage': row 'a': column 'x' is inf, which is no number to compute with"


def test_a_key_that_stands_twice_is_refused(store: Store) -> None:
    fill(store, [("a", "x"), ("a", "y")], columns="id, text")

    assert refusal(store, Dataset("SELECT id, text FROM tickets", key="id", inputs=("text",))) == (
        "dataset of eval 'triage': the key 'a' stands in two rows: column 'id' must be unique"
    )


@pytest.mark.parametrize(("key", "shown"), [(None, "None"), ("", "''"), (1.5, "1.5")])
def test_a_key_that_identifies_nothing_is_refused(untyped_store: Store, key: Value, shown: str) -> None:
    fill(untyped_store, [(key, "x")], columns="id, text", table="CREATE TABLE tickets (id, text LONGTEXT)")

    assert refusal(untyped_store, Dataset("SELECT id, text FROM tickets", key="id", inputs=("text",))) == (
        f"dataset of eval 'triage': the key 'id' is {shown}: it must be a text or an integer, and never empty"
    )


def test_a_missing_group_is_refused(store: Store) -> None:
    fill(store, [("a", None, "x", "y")])

    assert refusal(store) == (
        "dataset of eval 'triage': row 'a': the group 'account' is None: "
        "it must be a text or an integer, and never empty"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": "nr"}, "key names 'nr', but the query gives id, account, text, label"),
        ({"group": "team"}, "group names 'team', but the query gives id, account, text, label"),
        ({"inputs": ("text", "body")}, "inputs names 'body', but the query gives id, account, text, label"),
    ],
)
def test_a_column_that_the_query_does_not_give_is_named(store: Store, changes: dict[str, Any], said: str) -> None:
    fill(store, tickets(4))
    declared = {"query": TICKETS.query, "key": "id", "inputs": ("text",), "group": "account"}

    assert refusal(store, Dataset(**{**declared, **changes})) == f"dataset of eval 'triage': {said}"


@pytest.mark.parametrize(
    "name", ["base", "self", "items", "keys", "get", "copy", "inputs", "labels", "toDict", "_x", "dspy_a"]
)
def test_a_name_that_an_example_keeps_for_itself_is_refused(store: Store, name: str) -> None:
    fill(store, tickets(4))

    said = refusal(store, Dataset(f'SELECT id, text AS "{name}" FROM tickets', key="id", inputs=(name,)))

    assert said == (
        f"dataset of eval 'triage': a dspy.Example keeps the name {name!r} for itself: rename the column with AS"
    )


def test_a_column_that_stands_twice_is_refused(store: Store) -> None:
    fill(store, tickets(4))

    said = refusal(store, Dataset("SELECT id, text, text FROM tickets", key="id", inputs=("text",)))

    assert said == ("dataset of eval 'triage': column 'text' stands twice in the result: name one of them with AS")


def test_a_query_that_is_no_select_is_refused(store: Store) -> None:
    fill(store, tickets(4))

    with pytest.raises(QueryError, match="expected a SELECT"):
        read(store, Dataset("DELETE FROM tickets", key="id", inputs=("text",)))


def test_a_table_that_is_not_there_is_named_with_how_to_load_it(store: Store) -> None:
    with pytest.raises(QueryError) as caught:
        read(store)

    assert str(caught.value) == (
        f"dataset of eval 'triage': {store.url} has no table 'tickets' at commit {store.head()}. Put it in (g6o-eval "
        "load tickets FILE), or name the store that has it (--eval-store URL, G6O_STORE)\n"
        f"  SQL: {TICKETS.query}"
    )


def test_a_query_that_fails_otherwise_says_what_the_engine_says(store: Store) -> None:
    fill(store, tickets(1))

    with pytest.raises(QueryError) as caught:
        read(store, replace(TICKETS, query="SELECT id, nothing FROM tickets"))

    assert "nothing" in str(caught.value)
    assert "load" not in str(caught.value)


def test_an_empty_dataset_says_commit_and_remedy(store: Store) -> None:
    head = fill(store, [])

    assert refusal(store) == (
        f"eval 'triage' has no examples: its query gave 0 rows at commit {head}. "
        "Put rows in (g6o-eval ingest PATH, or g6o-eval load TABLE FILE), or change the query"
    )


def test_an_empty_test_split_says_the_counts_of_each_split(store: Store) -> None:
    group = next(f"g{i}" for i in range(99) if split_of(f"g{i}", TICKETS.shares) == "train")
    head = fill(store, [("a", group, "one", "x"), ("b", group, "two", "x")])

    assert refusal(store) == (
        f"eval 'triage' has no examples in split 'test' at commit {head}: train 2, dev 0, test 0, in 1 groups. "
        "Add rows of more groups, or give test a larger share"
    )


def test_one_input_text_in_two_splits_is_a_leak(store: Store) -> None:
    of = {split_of(f"g{i}", TICKETS.shares): f"g{i}" for i in range(99)}
    fill(store, [("a", of["train"], "Stra\u00dfe  one\n", "x"), ("b", of["test"], "STRASSE one", "y")])

    with pytest.raises(LeakError) as caught:
        read(store)

    assert str(caught.value) == (
        "train and test share the input text of 'a' and 'b': what is judged would be known from train. "
        "Give such rows one group, or leave all but one of them out of the query"
    )


@pytest.mark.parametrize("kind", ["key", "group"])
def test_splits_with_a_shared_key_or_group_cannot_be_made(kind: str) -> None:
    first = make("k", "g1", text="one") if kind == "key" else make("k1", "g", text="one")
    second = make("k", "g2", text="two") if kind == "key" else make("k2", "g", text="two")
    third = make("k3", "g3", text="three")

    with pytest.raises(LeakError) as caught:
        Splits((third,), (first,), (second,))

    pair = "'k' and 'k'" if kind == "key" else "'k1' and 'k2'"
    assert str(caught.value).startswith(
        f"dev and test share the {kind} of {pair}: what is judged would be known from dev"
    )


def test_a_leak_of_many_names_three_pairs() -> None:
    train = tuple(make(f"a{i}", f"ga{i}", text=f"text {i}") for i in range(5))
    test = tuple(make(f"b{i}", f"gb{i}", text=f"Text  {i}") for i in range(5))

    with pytest.raises(LeakError) as caught:
        Splits(train, (), test)

    assert "'a0' and 'b0', 'a1' and 'b1', 'a2' and 'b2' and 2 more" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("A  b\n",), ("a B",), True),
        (("\ufb01ne",), ("fine",), True),
        (("a", "b"), ("a b", ""), False),
        (({"x": 1, "y": 2},), ({"y": 2, "x": 1},), True),
        ((1,), ("1",), True),
        (("a",), ("b",), False),
    ],
)
def test_texts_are_the_same_but_for_case_blanks_and_form(one: tuple[object], other: tuple[object], same: bool) -> None:
    assert (normalised(one) == normalised(other)) is same


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in dir(dspy.Example))
PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()) | st.dictionaries(NAMES, NAMES)


@given(fields=st.dictionaries(NAMES, PLAIN, min_size=1), data=st.data())
def test_an_example_is_what_dspys_own_constructor_makes(fields: dict[str, Any], data: st.DataObject) -> None:
    inputs = tuple(data.draw(st.lists(st.sampled_from(sorted(fields)), unique=True)))
    fields |= {KEY_FIELD: "k", GROUP_FIELD: "g"}
    made: Any = dspy.Example
    expected = made(**fields).with_inputs(*inputs)

    example: Any = example_of(dict(fields), inputs)

    assert type(example) is type(expected)
    assert vars(example) == vars(expected)
    assert {name: type(value) for name, value in vars(example).items()} == {
        name: type(value) for name, value in vars(expected).items()
    }
    assert list(example.items(include_dspy=True)) == list(expected.items(include_dspy=True))
    assert (repr(example), example, example.toDict()) == (repr(expected), expected, expected.toDict())
    assert (example.inputs().toDict(), example.labels().toDict()) == (
        expected.inputs().toDict(), expected.labels().toDict(),
    )  # fmt: skip
    assert vars(pickle.loads(pickle.dumps(example))) == vars(expected)
    assert vars(copy.deepcopy(example)) == vars(expected)


def test_examples_share_no_state_that_can_be_changed() -> None:
    inputs = ("text",)
    one: Any = example_of({"text": "one"}, inputs)
    other: Any = example_of({"text": "two"}, inputs)

    one.more = 1
    one._demos.append("demo")
    one._input_keys.add("more")

    assert vars(other) == {"_store": {"text": "two"}, "_demos": [], "_input_keys": {"text"}}


@pytest.mark.parametrize("enabled", [True, False])
def test_reading_leaves_the_garbage_collector_as_it_was(store: Store, enabled: bool) -> None:
    fill(store, tickets(20))
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        read(store)
        with pytest.raises(DataError):
            read(store, replace(TICKETS, key="nothing"))

        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_the_inputs_come_first_then_the_querys_other_columns(store: Store) -> None:
    fill(store, tickets(20))

    splits = read(store, replace(TICKETS, inputs=("text", "account")))

    every: Any = [*splits.train, *splits.dev, *splits.test]
    assert {tuple(example.keys()) for example in every} == {("text", "account", "id", "label")}


def test_what_is_wrong_behind_the_first_thousand_rows_is_found_there(store: Store) -> None:
    rows = [(f"t{i:05d}", f"a{i}", f"text {i}", "bug") for i in range(2_500)]
    fill(store, [*rows, ("t01999", "a", "twice", "bug")], table=TABLE)

    assert refusal(store) == "dataset of eval 'triage': the key 't01999' stands in two rows: column 'id' must be unique"


def test_the_hash_of_the_same_examples_is_the_same_for_ever() -> None:
    train, dev = (make(f"{split}1", f"{split}2", text=f"text of {split}", count=1) for split in ("train", "dev"))
    test = tuple(make(f"k{i:04d}", f"g{i}", text=f"é {i}", meta={"b": [1.5, None], "a": True}) for i in range(1_001))

    splits = Splits((train,), (dev,), test)

    assert splits.test_hash == "754bb6d4da601068d0b9f9dd58101bc7c9b9e5f3e34de1a2dad46003b3711643"
    assert splits.examples_hash == "0162cab0ba666711347db71652095132d6e5a71e16cd17b33c22282732d3543f"


def test_examples_without_marked_inputs_cannot_be_split() -> None:
    made: Any = dspy.Example
    unmarked = made(text="one", dspy_g6o_key="k", dspy_g6o_group="g")

    with pytest.raises(ValueError, match=r"the inputs of Example\(\{'text': 'one'\}\) .* use with_inputs\(\)"):
        Splits((), (), (unmarked,))
