"""``/api/imports/``: hand in a catalogue file and follow its import."""

from typing import Any

from drf_spectacular.utils import OpenApiRequest, extend_schema, extend_schema_view
from rest_framework import mixins, parsers, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from shared_apps.tenants.api import StrictSerializer
from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.lists import DeclaredParameters, StableOrdering
from shared_apps.tenants.sparse import SparseAnswers
from tenant_apps.integrations.idempotency import TakesIdempotencyKey
from tenant_apps.integrations.models import Job

from .catalogue_import import KIND, accept_import
from .permissions import ImportsCatalogue


class RefusalSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    handle = serializers.CharField()
    reason = serializers.CharField()


class ImportSerializer(serializers.ModelSerializer[Job]):
    url = serializers.SerializerMethodField()
    refusals = RefusalSerializer(many=True)

    class Meta:
        model = Job
        fields = [
            *("id", "status", "url", "filename", "rows_total", "rows_done", "created", "updated"),
            *("refused", "refusals", "error", "created_at", "finished_at"),
        ]
        read_only_fields = fields

    def get_url(self, job: Job) -> str:
        """Return where to ask for progress."""
        return reverse("import-detail", args=[job.pk], request=self.context["request"])


class ImportFileSerializer(StrictSerializer):
    file = serializers.FileField(help_text="A Shopify product export (CSV, UTF-8, up to 20 MB).")

    def create(self, validated_data: dict[str, Any]) -> Job:
        """Check the file and queue its import."""
        uploaded = validated_data["file"]
        return accept_import(
            user=self.context["request"].user, filename=uploaded.name, content=uploaded.read()
        )


@extend_schema_view(
    list=extend_schema(summary="List catalogue imports"),
    retrieve=extend_schema(summary="Follow a catalogue import"),
)
class ImportViewSet(
    TakesIdempotencyKey,
    ConditionalRequests,
    SparseAnswers,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Job],
):
    """Catalogue imports of this portal."""

    queryset = Job.objects.filter(kind=KIND).defer("content")
    key_resource = "imports"
    serializer_class = ImportSerializer
    permission_classes = [ImportsCatalogue]
    filter_backends = [DeclaredParameters, StableOrdering]
    ordering_fields = ["created_at"]
    ordering = ["-created_at"]
    parser_classes = [parsers.MultiPartParser]

    @extend_schema(
        summary="Import a catalogue",
        request={
            "multipart/form-data": OpenApiRequest(
                ImportFileSerializer, encoding={"file": {"contentType": "text/csv"}}
            )
        },
        responses={202: ImportSerializer},
    )
    def create(self, request: Request) -> Response:
        """Queue an import; answer 202 with the url to poll."""
        serializer = ImportFileSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        answer = self.get_serializer(serializer.save()).data
        return Response(answer, status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})
