"""``/api/settings/``: the portal's name, look, currency, language, time zone, and who may read."""

from typing import Any
from zoneinfo import available_timezones

from drf_spectacular.utils import OpenApiRequest, extend_schema, extend_schema_view
from rest_framework import generics, parsers, permissions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared_apps.tenants.api import StrictModelSerializer
from shared_apps.tenants.conditional import ConditionalRequests
from tenant_apps.files.pictures import KINDS
from tenant_apps.files.serializers import PictureSerializer

from .models import PortalSettings, readable_colour


class SettingsSerializer(StrictModelSerializer):
    """The portal's settings as people see them."""

    logo = serializers.URLField(
        source="logo_url",
        read_only=True,
        allow_null=True,
        help_text="The address of the portal's logo, or null.",
    )

    colour = serializers.RegexField(
        r"^#[0-9a-f]{6}$",
        validators=[readable_colour],
        help_text="Of buttons and links; white text on it must be readable.",
    )
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217.")
    time_zone = serializers.ChoiceField(choices=sorted(available_timezones()))

    class Meta:
        model = PortalSettings
        fields = [
            *("name", "logo", "colour", "currency", "language", "time_zone", "catalogue_readers"),
        ]

    def update(self, instance: PortalSettings, validated_data: dict[str, Any]) -> PortalSettings:
        """Write what was sent, and tell every process."""
        instance.change(**validated_data)
        return instance


class ChangesSettings(permissions.IsAuthenticated):
    """Everybody signed in may read; changing needs the permission."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask by method."""
        if not super().has_permission(request, view):
            return False
        reads = request.method in permissions.SAFE_METHODS
        return reads or bool(request.user.has_perm("users.change_portalsettings"))


@extend_schema_view(
    get=extend_schema(operation_id="read_settings", summary="Read the portal's settings"),
    patch=extend_schema(operation_id="change_settings", summary="Change the portal's settings"),
)
class SettingsView(ConditionalRequests, generics.RetrieveUpdateAPIView[PortalSettings]):
    """The portal's settings; a change is seen by every process within a second."""

    serializer_class = SettingsSerializer
    permission_classes = [ChangesSettings]
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> PortalSettings:
        """Return the one row."""
        return PortalSettings.objects.get()


class LogoView(generics.GenericAPIView[PortalSettings]):
    """The portal's logo; anyone sees it at ``/logo/``."""

    queryset = PortalSettings.objects.all()

    serializer_class = PictureSerializer
    permission_classes = [ChangesSettings]
    parser_classes = [parsers.MultiPartParser]

    def get_object(self) -> PortalSettings:
        """Return the one row."""
        return PortalSettings.objects.get()

    @extend_schema(
        operation_id="put_logo",
        summary="Give the portal a logo",
        request={
            "multipart/form-data": OpenApiRequest(
                PictureSerializer, encoding={"file": {"contentType": ", ".join(sorted(KINDS))}}
            )
        },
        responses=SettingsSerializer,
    )
    def put(self, request: Request) -> Response:
        """Keep the picture, encoded anew, in place of the one before; answer the settings."""
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        portal = self.get_object()
        portal.show_logo(sent.validated_data["file"], user=request.user)
        return Response(SettingsSerializer(portal).data)

    @extend_schema(operation_id="delete_logo", summary="Take the logo away", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Remove the logo; safe to repeat."""
        self.get_object().show_logo(None)
        return Response(status=status.HTTP_204_NO_CONTENT)
