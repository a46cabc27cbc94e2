"""Full-text search of the catalogue: by beginnings of words, accent-blind, forgiving in names.

The text search configuration and pg_trgm are the database's own (`provisioning/cluster.py`), in
the schema that every tenant reaches.
"""

from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Case, F, FloatField, Func, IntegerField, Q, TextField, Value, When
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan

from shared_apps.tenants.scope import SEARCH_CONFIGURATION

# Of a search: each is looked up twice.
MAX_WORDS = 8
# In a shorter word every letter counts.
SHORTEST_MISTAKEN = 4
# Of the groups of three letters of a word, how many another has that may mean it.
LEAST_ALIKE = 0.42
# What joins words to one token for PostgreSQL (addresses, tags, numbers); a space parts them.
_JOINTS = "-./_:@+&<"
# These have a meaning in a query.
_MARKS = str.maketrans(dict.fromkeys(_JOINTS + "'\\", " "))
# Above any typing error's likeness, which is at most so much.
_LIKENESS = 1000


def _parted(field: str) -> Func:
    spaces = Value(" " * len(_JOINTS))
    return Func(F(field), Value(_JOINTS), spaces, function="translate", output_field=TextField())


def _vector(field: str, weight: str) -> SearchVector:
    return SearchVector(_parted(field), weight=weight, config=SEARCH_CONFIGURATION)


# What the column `search` holds.
VECTOR = _vector("name", "A") + _vector("description", "D")
# The words of the name, without accents.
NAME_WORDS = Cast(
    Func(Func(F("search"), Value("{a}"), function="ts_filter"), function="strip"),
    TextField(),
)


def matching(products: Any, text: str) -> Any:
    """Return the products with the first words of ``text``, and their ``relevance``.

    Each word begins one of the name or the description, or is spelled much like one of the name
    that has the same first half.
    The relevance is a whole number: what has the words themselves comes above what is alike, and
    the name counts more than the description.
    """
    words = text.translate(_MARKS).split()[:MAX_WORDS]
    if not words:
        return products.none()
    found: Any = Q()
    likeness: Any = Value(0)
    for word in words:
        alike = Func(
            _plain(word), NAME_WORDS, function="word_similarity", output_field=FloatField()
        )
        found &= Q(search=_beginning(word)) | _may_mean(word, alike)
        likeness += alike
    query = _beginning(*words)
    rank = Cast(SearchRank(F("search"), query) * 1_000_000, IntegerField())
    relevance = Case(
        When(search=query, then=rank + _LIKENESS),
        default=Cast(likeness * (_LIKENESS // MAX_WORDS), IntegerField()),
    )
    return products.filter(found).annotate(relevance=relevance)


def _beginning(*words: str, weight: str = "") -> SearchQuery:
    text = " & ".join(f"'{word}':*{weight}" for word in words)
    return SearchQuery(text, config=SEARCH_CONFIGURATION, search_type="raw")


def _plain(word: str) -> Func:
    return Func(Value(word), function="unaccent", output_field=TextField())


def _may_mean(word: str, alike: Any) -> Any:
    """Return the condition that a word of the name begins alike, by the index, and is alike."""
    if len(word) < SHORTEST_MISTAKEN:
        return Q()
    half = word[: len(word) // 2]
    return Q(search=_beginning(half, weight="A")) & Q(GreaterThan(alike, LEAST_ALIKE))
