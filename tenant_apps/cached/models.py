from django.db import models
from django.db.models import Q


class Generations(models.Model):
    """The one row that tells which generation of each watched table is the present one.

    ``tokens`` is random, by table: what was cached with another token is not asked for. From
    ``unleased_since`` to ``unleased_until`` no lease is given: a writer could not reach Redis.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    tokens = models.JSONField(default=dict)
    unleased_since = models.DateTimeField(null=True)
    unleased_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="generations_one_row")]

    def __str__(self) -> str:
        return "generations"
