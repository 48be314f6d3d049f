from __future__ import annotations

import inspect

import pytest

from g6o_eval import errors
from g6o_eval.errors import G6oError, QueryError, RefusedError, StaleError

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_tree_of_the_docstring(kind: type[Exception]) -> None:
    assert issubclass(kind, G6oError)
    assert kind.__name__ in str(errors.__doc__)


def test_a_failed_query_shows_its_sql() -> None:
    error = QueryError("no such table: tickets", sql="SELECT 1 FROM tickets")

    assert str(error) == "no such table: tickets\n  SQL: SELECT 1 FROM tickets"
    assert error.sql == "SELECT 1 FROM tickets"


@pytest.mark.parametrize("kind", [RefusedError, StaleError])
def test_a_refusal_carries_all_its_reasons(kind: type[RefusedError]) -> None:
    error = kind(("the tree is not clean", "the baseline is stale"))

    assert str(error) == "the tree is not clean; the baseline is stale"
    assert error.reasons == ("the tree is not clean", "the baseline is stale")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.DeclarationError, ValueError),
        (errors.DataError, ValueError),
        (errors.RoleError, ValueError),
        (errors.MissingError, LookupError),
    ],
)
def test_a_caller_may_catch_the_builtin_it_expects(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
