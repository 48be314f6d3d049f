"""Fixtures of the plugin's tests."""

from __future__ import annotations

import pytest

from support.eval_project import EvalProject, tickets


@pytest.fixture
def project(pytester: pytest.Pytester) -> EvalProject:
    """A project with one eval, triage, and no store yet."""
    return EvalProject(pytester)


@pytest.fixture
def loaded(project: EvalProject) -> EvalProject:
    """The same with 150 tickets in its embedded store."""
    project.load(tickets())
    return project
