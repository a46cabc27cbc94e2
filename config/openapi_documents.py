"""The two OpenAPI documents: each is made once a process, by one thread at a time.

Two first requests at once made the library answer 500: it loads its extensions as it goes, on
classes that all threads share. The documents are the same for every caller and every tenant, so
making one at each request (half a second) would be for nothing.
"""

import threading
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny

_making = threading.Lock()
_made: dict[Any, Any] = {}


class OneDocument(SchemaGenerator):
    """Makes the document of a urlconf, or returns the one that was made."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        """Return the document; ``request`` has no part in it."""
        with _making:
            if self.urlconf not in _made:
                _made[self.urlconf] = super().get_schema(None, public=True)
            return _made[self.urlconf]


class DocumentView(SpectacularAPIView):
    """``/api/schema/``, for anyone."""

    generator_class = OneDocument
    authentication_classes = []
    permission_classes = [AllowAny]
