"""``manage.py create_operator EMAIL``: make an operator of the platform."""

import getpass
import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.core.validators import validate_email

from shared_apps.tenants.scope import public_scope


class Command(BaseCommand):
    """The password comes from ``FREEHOLD_OPERATOR_PASSWORD`` or is asked for."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take the address."""
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the operator, or say why not."""
        email = options["email"].strip().lower()
        password = os.environ.get("FREEHOLD_OPERATOR_PASSWORD") or getpass.getpass()
        try:
            validate_email(email)
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        users: Any = get_user_model().objects
        with public_scope():
            if users.filter(email=email).exists():
                raise CommandError(f"There is already an operator {email}.")
            users.create_operator(email, password)
        self.stdout.write(f"Operator {email} may sign in at /admin/ of the public host.")
