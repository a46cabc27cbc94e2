"""What counts as a change of the models, for ``makemigrations``."""

from typing import Any

from django.db.migrations.autodetector import MigrationAutodetector


class WithoutNames(MigrationAutodetector):
    """Makes no migration of texts for people: names, choices' labels, hints, messages.

    They are no part of a schema, and every tenant would have to run the migration.
    """

    def __init__(self, from_state: Any, to_state: Any, *args: Any) -> None:
        for model in (*from_state.models.values(), *to_state.models.values()):
            for name in ("verbose_name", "verbose_name_plural"):
                model.options.pop(name, None)
            for field in model.fields.values():
                field._verbose_name, field.help_text, field.choices = None, "", None
            for constraint in model.options.get("constraints", ()):
                constraint.violation_error_message = constraint.default_violation_error_message
        super().__init__(from_state, to_state, *args)
