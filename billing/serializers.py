from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from rest_framework import serializers

from shared_apps.plans.models import Plan
from shared_apps.tenants.api import StrictSerializer
from shared_apps.tenants.links import address_of
from shared_apps.tenants.models import Tenant, TenantStatus, platform_host
from shared_apps.tenants.subdomains import SubdomainRefused, check_subdomain
from shared_apps.tenants.texts import one_line

from .signing_up import sign_up


class PlanSerializer(serializers.ModelSerializer[Plan]):
    class Meta:
        model = Plan
        fields = ["code", "name", "description", "price_month", "currency", "limits"]


class PlanListSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = PlanSerializer(many=True)


class SignUpSerializer(StrictSerializer):
    subdomain = serializers.CharField(max_length=63, help_text="3-32 of a-z, 0-9, hyphen inside.")
    company = serializers.CharField(max_length=120, validators=[one_line])
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(trim_whitespace=False, max_length=1024, write_only=True)
    plan = serializers.SlugRelatedField(slug_field="code", queryset=Plan.objects.on_offer())

    def validate_subdomain(self, value: str) -> str:
        """Accept what may be a portal's address."""
        try:
            return check_subdomain(value)
        except SubdomainRefused as error:
            raise serializers.ValidationError(str(error), code=error.code) from error

    def validate_email(self, value: str) -> str:
        """Compare addresses in lower case."""
        return value.lower()

    def validate_password(self, value: str) -> str:
        """Ask the password validators."""
        try:
            validate_password(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code="weak_password") from error
        return value

    def create(self, validated_data: dict[str, Any]) -> Tenant:
        """Sign the company up."""
        return sign_up(**validated_data)


class SignedUpTenantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    subdomain = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=TenantStatus.choices)


class SignedUpSerializer(serializers.Serializer[Any]):
    tenant = SignedUpTenantSerializer()
    url = serializers.URLField()


def signed_up(tenant: Tenant, subdomain: str) -> dict[str, Any]:
    """Return what a sign-up answers."""
    return {
        "tenant": {
            "id": str(tenant.pk),
            "subdomain": subdomain,
            "name": tenant.name,
            "status": tenant.status,
        },
        "url": address_of(platform_host(subdomain)),
    }


class SubdomainSerializer(serializers.Serializer[Any]):
    subdomain = serializers.CharField()
    available = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
