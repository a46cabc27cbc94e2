"""What people read is no part of a schema: no tenant runs a migration for it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState

from shared_apps.tenants.autodetector import WithoutNames


def rename(order: ModelState) -> None:
    order.options["verbose_name"] = "deal"
    order.options["verbose_name_plural"] = "deals"


def rename_field(order: ModelState) -> None:
    order.fields["status"]._verbose_name = "phase"
    order.fields["status"].help_text = "Where it stands."


def rename_choice(order: ModelState) -> None:
    order.fields["status"].choices = [("pending", "Waiting")]


def reword(order: ModelState) -> None:
    order.options["constraints"][0].violation_error_message = "Too little."


def lengthen(order: ModelState) -> None:
    order.fields["status"].max_length = 20


def changes(change: Callable[[ModelState], None]) -> list[Any]:
    """Return the operations that ``makemigrations`` would write for a changed order."""
    made = ProjectState.from_apps(apps)
    change(made.models["orders", "order"])
    loader = MigrationLoader(None)
    detector = WithoutNames(
        loader.project_state(), made, NonInteractiveMigrationQuestioner({"orders"})
    )
    found = detector.changes(loader.graph, trim_to_apps={"orders"}, convert_apps={"orders"})
    return [op for migration in found.get("orders", []) for op in migration.operations]


@pytest.mark.parametrize("change", [rename, rename_field, rename_choice, reword])
def test_what_people_read_makes_no_migration(change):
    assert changes(change) == []


def test_what_the_database_holds_does():
    assert [op.name for op in changes(lengthen)] == ["status"]
