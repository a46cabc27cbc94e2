"""Import a catalogue file: whole products or none of them, any number of times."""

from dataclasses import asdict, dataclass, field
from itertools import batched
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from shared_apps.tenants.plan_limits import room_for, why_full
from tenant_apps.history.recording import record
from tenant_apps.integrations import jobs
from tenant_apps.integrations.models import Job

from .attribute_schema import check_attributes, from_options
from .models import Category, Product
from .shopify import (
    NotACatalogue,
    ParsedProduct,
    Row,
    RowRefused,
    check_catalogue,
    parse_product,
    read_catalogue,
)

KIND = "catalogue_import"
BATCH = 100
MAX_REFUSALS = 200


class FileTooLarge(ValueError):
    """The file is over the limit."""


@dataclass(slots=True)
class Progress:
    """How far an import is, and what became of the rows so far."""

    rows_total: int = 0
    rows_done: int = 0
    created: int = 0
    updated: int = 0
    refused: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, error: RowRefused, handle: str) -> None:
        """Count a refused product and keep why, up to a bound."""
        self.refused += 1
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append({"line": error.line, "handle": handle[:255], "reason": str(error)})


def check_file(content: bytes) -> None:
    """Refuse a file that cannot be a catalogue, before anything is kept.

    Raises:
        FileTooLarge: over ``CATALOGUE_MAX_BYTES``.
        NotACatalogue: not what :func:`read_catalogue` takes.

    """
    if len(content) > settings.CATALOGUE_MAX_BYTES:
        raise FileTooLarge(
            _("The file is larger than %(megabytes)s MB.")
            % {"megabytes": settings.CATALOGUE_MAX_BYTES // 2**20}
        )
    check_catalogue(content)


def accept_import(*, user: Any, filename: str, content: bytes) -> Job:
    """Check the file and queue its import.

    Raises:
        FileTooLarge, NotACatalogue: as :func:`check_file`; nothing is kept then.

    """
    check_file(content)
    with transaction.atomic():
        return jobs.accept(kind=KIND, user=user, filename=filename, content=content)


def run_job(job: Job) -> None:
    """Run a queued import and write its progress to the job."""
    try:
        progress = import_catalogue(
            bytes(job.content or b""), lambda progress: job.report(**asdict(progress))
        )
    except NotACatalogue as error:
        raise jobs.JobFailed(str(error)) from error
    with transaction.atomic():
        job.finish(**asdict(progress))
        # One entry for the whole file; its products have none of it.
        record(
            job,
            created=(None, progress.created),
            updated=(None, progress.updated),
            refused=(None, progress.refused),
        )


def import_catalogue(content: bytes, report: Any = lambda progress: None) -> Progress:
    """Write the products of a file; return what was done.

    A product that exists (by its handle) is updated; a new one for which the plan has no room is
    refused. Batches are transactions of their own: an interrupted import has whole products and
    can be run again.

    Raises:
        NotACatalogue: the file cannot be read at all; nothing is written.

    """
    catalogue = read_catalogue(content)
    progress = Progress(rows_total=catalogue.rows_total)
    for batch in batched(catalogue.handles.items(), BATCH):
        _import_batch(dict(batch), progress)
        progress.rows_done += sum(len(rows) for _, rows in batch)
        report(progress)
    return progress


def _import_batch(handles: dict[str, list[Row]], progress: Progress) -> None:
    parsed: list[ParsedProduct] = []
    for handle, rows in handles.items():
        try:
            parsed.append(parse_product(handle, rows))
        except RowRefused as error:
            progress.refuse(error, handle)
    with transaction.atomic():
        # Locked before any product, as by whoever makes one.
        room = room_for(Product)
        categories = _categories({product.category for product in parsed if product.category})
        parsed = [
            product
            for product in parsed
            if _fits(product, categories, progress, handles[product.slug][0].line)
        ]
        # Locked in primary-key order, as an order takes its stock, so that the two never
        # deadlock; new rows in the order of their slugs, so that two imports do not.
        here = Product.objects.filter(slug__in=[product.slug for product in parsed])
        known = set(here.select_for_update().order_by("pk").values_list("slug", flat=True))
        new = [product for product in parsed if product.slug not in known]
        for product in new[room:] if room is not None else ():
            why = RowRefused(handles[product.slug][0].line, why_full(Product))
            progress.refuse(why, product.slug)
            parsed.remove(product)
        parsed.sort(key=lambda product: product.slug)
        products = [_product(product, categories) for product in parsed]
        Product.objects.bulk_create(
            products,
            update_conflicts=True,
            unique_fields=["slug"],
            update_fields=[
                *("name", "description", "category", "price", "stock", "sku", "tags"),
                *("attributes", "image_url", "is_active", "updated_at"),
            ],
        )
    progress.created += len(products) - len(known)
    progress.updated += len(known)


def _fits(
    product: ParsedProduct, categories: dict[str, Category], progress: Progress, line: int
) -> bool:
    category = categories.get(_slug(product.category))
    schema = category.attribute_schema if category else {}
    try:
        product.attributes = from_options(product.attributes, schema)
        check_attributes(product.attributes, schema)
    except ValidationError as error:
        progress.refuse(RowRefused(line, " ".join(error.messages)), product.slug)
        return False
    return True


def _product(parsed: ParsedProduct, categories: dict[str, Category]) -> Product:
    values = asdict(parsed)
    return Product(**values | {"category": categories.get(_slug(parsed.category))})


def _slug(name: str) -> str:
    return slugify(name)[:255] or "other"


def _categories(names: set[str]) -> dict[str, Category]:
    """Return the categories of ``names`` by slug, making those that are missing."""
    wanted = {_slug(name): name for name in sorted(names, reverse=True)}
    Category.objects.bulk_create(
        [Category(name=name, slug=slug) for slug, name in wanted.items()], ignore_conflicts=True
    )
    return {category.slug: category for category in Category.objects.filter(slug__in=wanted)}
