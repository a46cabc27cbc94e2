"""Django's test runner, which writes each test's outcome to ``COMPAT_OUTCOMES``."""

import json
import os
import unittest
from pathlib import Path
from typing import Any, override

from django.test.runner import DiscoverRunner


class RecordingResult(unittest.TextTestResult):
    """A result that keeps the outcome of every test by its dotted name.

    What fails outside a test (``setUpClass (module.Class)``) is kept as well; of several
    outcomes of one test, as subtests have, the first that is not good.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcomes: dict[str, str] = {}

    def _note(self, test: unittest.TestCase, outcome: str) -> None:
        self.outcomes.setdefault(test.id(), outcome)

    @override
    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._note(test, "ok")

    @override
    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._note(test, f"error {err[0].__name__}")

    @override
    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, "failure")

    @override
    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, "skipped")

    @override
    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._note(test, "expected failure")

    @override
    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, "unexpected success")

    @override
    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failure")


class Runner(DiscoverRunner):
    """The runner of both suites, in one process."""

    def get_resultclass(self) -> type[RecordingResult]:
        """Return the recording one."""
        return RecordingResult

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        """Run, and write what came of each test."""
        result = super().run_suite(suite, **kwargs)
        Path(os.environ["COMPAT_OUTCOMES"]).write_text(json.dumps(result.outcomes))
        return result
