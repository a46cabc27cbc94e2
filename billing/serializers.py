from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from shared_apps.plans.catalogue import PLANS
from shared_apps.plans.entitlements import FEATURES
from shared_apps.plans.models import Plan
from shared_apps.tenants.api import StrictSerializer
from shared_apps.tenants.links import address_of
from shared_apps.tenants.models import Tenant, TenantStatus, platform_host
from shared_apps.tenants.subdomains import PATTERN, SubdomainRefused, check_subdomain
from shared_apps.tenants.texts import ONE_LINE, one_line
from tenant_apps.users.passwords.fields import NewPasswordField

from .signing_up import sign_up


class PlanSerializer(serializers.ModelSerializer[Plan]):
    features = serializers.ListField(child=serializers.ChoiceField(list(FEATURES.items())))
    limits = serializers.DictField(
        child=serializers.IntegerField(min_value=0),
        help_text="Upper bounds by name; a missing name means no limit.",
    )

    class Meta:
        model = Plan
        fields = [
            *("code", "name", "description", "price_month", "price_year", "currency"),
            *("trial_days", "features", "limits"),
        ]


class PlanListSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = PlanSerializer(many=True)


# What the fields of a sign-up hold, as the documents tell it; the serializer decides.
@extend_schema_field({"type": "string", "maxLength": 32, "pattern": f"^{PATTERN}$"})
class SubdomainField(serializers.CharField):
    pass


@extend_schema_field({"type": "string", "pattern": ONE_LINE})
class LineField(serializers.CharField):
    pass


@extend_schema_field({"type": "string", "enum": [plan["code"] for plan in PLANS]})
class PlanField(serializers.SlugRelatedField[Plan]):
    pass


class SignUpSerializer(StrictSerializer):
    subdomain = SubdomainField(max_length=63, help_text="3-32 of a-z, 0-9, hyphen inside.")
    company = LineField(max_length=120, validators=[one_line])
    email = serializers.EmailField(max_length=254)
    password = NewPasswordField()
    plan = PlanField(slug_field="code", queryset=Plan.objects.on_offer())

    def validate_subdomain(self, value: str) -> str:
        """Accept what may be a portal's address."""
        try:
            return check_subdomain(value)
        except SubdomainRefused as error:
            raise serializers.ValidationError(str(error), code=error.code) from error

    def validate_email(self, value: str) -> str:
        """Compare addresses in lower case."""
        return value.lower()

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


class SubdomainQuerySerializer(serializers.Serializer[Any]):
    subdomain = serializers.CharField(max_length=63, allow_blank=True, trim_whitespace=False)


class SubdomainSerializer(serializers.Serializer[Any]):
    subdomain = serializers.CharField(allow_blank=True)
    available = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
