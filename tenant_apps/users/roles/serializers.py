from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound

from shared_apps.tenants.api import StrictModelSerializer, StrictSerializer

from ..built_in_roles import GRANTABLE
from ..models import Role, User
from ..passwords.fields import OwnPasswordField
from .giving import (
    change_members,
    change_role,
    codes_of,
    copy_role,
    create_role,
    set_active,
    set_roles,
)
from .objects import (
    GRANT_KINDS,
    GRANTABLE_DEEDS,
    give_grants,
    object_named,
    objects_named,
    take_grants,
)
from .ownership import make_owner


class PermissionCodes(serializers.MultipleChoiceField):
    """Permissions as ``app.codename``, of the list that roles may hold."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=sorted(GRANTABLE), **kwargs)

    def to_representation(self, value: Any) -> Any:
        """Return the codes, sorted."""
        return sorted(codes_of(value.instance))


class RoleSerializer(StrictModelSerializer):
    id = serializers.UUIDField(source="uuid", read_only=True)
    permissions = PermissionCodes(required=False)
    is_built_in = serializers.BooleanField(read_only=True)
    members_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Role
        fields = [
            *("id", "name", "code", "description", "rank", "is_built_in", "permissions"),
            "members_count",
        ]
        read_only_fields = ["code"]
        extra_kwargs = {"rank": {"min_value": 1, "max_value": 32767, "required": True}}

    def create(self, validated_data: dict[str, Any]) -> Role:
        """Create the role, if the caller may."""
        return create_role(acting=self.context["request"].user, **validated_data)

    def update(self, instance: Role, validated_data: dict[str, Any]) -> Role:
        """Change the role, if the caller may."""
        permissions = validated_data.pop("permissions", None)
        return change_role(
            acting=self.context["request"].user,
            role=instance,
            permissions=codes_of(instance) if permissions is None else permissions,
            **validated_data,
        )


class CopyRoleSerializer(StrictSerializer):
    name = serializers.CharField(max_length=150)

    def create(self, validated_data: dict[str, Any]) -> Role:
        """Copy the role of the context, if the caller may."""
        acting = self.context["request"].user
        return copy_role(acting=acting, role=self.context["role"], name=validated_data["name"])


class MembersSerializer(StrictSerializer):
    add = serializers.PrimaryKeyRelatedField(many=True, queryset=User.objects.all(), required=False)
    remove = serializers.PrimaryKeyRelatedField(
        many=True, queryset=User.objects.all(), required=False
    )

    def save(self, **kwargs: Any) -> None:
        """Change the members of the context's role, if the caller may; all or none."""
        acting, role = self.context["request"].user, self.context["role"]
        change_members(acting=acting, role=role, **self.validated_data)


class PersonSerializer(StrictModelSerializer):
    roles = serializers.SerializerMethodField(help_text="The names of their roles.")

    class Meta:
        model = User
        fields = ["id", "email", "name", "is_active", "roles", "last_login", "created_at"]
        read_only_fields = ["email", "last_login", "created_at"]

    def get_roles(self, user: User) -> list[str]:
        """Return the names."""
        return sorted(group.name for group in user.groups.all())

    def update(self, instance: User, validated_data: dict[str, Any]) -> Model:
        """Change name and access, if the caller may."""
        acting = self.context["request"].user
        is_active = validated_data.pop("is_active", instance.is_active)
        if is_active != instance.is_active:
            set_active(acting=acting, user=instance, is_active=is_active)
        return super().update(instance, validated_data)  # type: ignore[no-any-return]


class PersonRolesSerializer(StrictSerializer):
    roles = serializers.SlugRelatedField(many=True, slug_field="uuid", queryset=Role.objects.all())

    def save(self, **kwargs: Any) -> Any:
        """Give the person exactly these roles, if the caller may."""
        set_roles(
            acting=self.context["request"].user,
            user=self.context["user"],
            roles=self.validated_data["roles"],
        )


class MakeOwnerSerializer(StrictSerializer):
    password = OwnPasswordField()

    def save(self, **kwargs: Any) -> None:
        """Hand the portal over, if the caller may."""
        make_owner(acting=self.context["request"].user, user=self.context["user"])


class ReasonSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["role", "grant", "open"])
    name = serializers.CharField()
    text = serializers.CharField()


class ExplanationSerializer(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    reasons = ReasonSerializer(many=True)
    missing = serializers.CharField(allow_blank=True)


class PermissionSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField(help_text="As a person reads it.")
    may_give = serializers.BooleanField(help_text="Whether the caller may put it into a role.")


class ObjectSerializer(StrictSerializer):
    """One object by kind and id, which the caller must be able to see."""

    kind = serializers.ChoiceField(choices=sorted(GRANT_KINDS))
    object = serializers.UUIDField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Find the object."""
        user = self.context["request"].user
        found = object_named(attrs["kind"], attrs["object"], user=user)
        if found is None:
            raise NotFound
        return {"obj": found}


class QuestionSerializer(StrictSerializer):
    permission = serializers.ChoiceField(choices=sorted(GRANTABLE))
    kind = serializers.ChoiceField(choices=sorted(GRANT_KINDS), required=False)
    object = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Find the object, if one is asked about."""
        if ("kind" in attrs) != ("object" in attrs):
            raise serializers.ValidationError(_("Name both kind and object, or neither."))
        answer = {"permission": attrs.pop("permission")}
        if attrs:
            named = {"kind": attrs["kind"], "object": str(attrs["object"])}
            inner = ObjectSerializer(data=named, context=self.context)
            inner.is_valid(raise_exception=True)
            answer["obj"] = inner.validated_data["obj"]
        return answer


class GrantSerializer(serializers.Serializer[Any]):
    permission = serializers.CharField(help_text="The codename, as view_product.")
    person = serializers.UUIDField(allow_null=True)
    role = serializers.UUIDField(allow_null=True)


class GiveGrantsSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=sorted(GRANT_KINDS))
    objects = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=500)
    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=GRANTABLE_DEEDS), min_length=1, max_length=5
    )
    people = serializers.PrimaryKeyRelatedField(
        many=True, queryset=User.objects.all(), required=False
    )
    roles = serializers.SlugRelatedField(
        many=True, slug_field="uuid", queryset=Role.objects.all(), required=False
    )
    withdraw = serializers.BooleanField(default=False)

    def save(self, **kwargs: Any) -> None:
        """Give or take them all, if the caller may."""
        sent = self.validated_data
        acting = self.context["request"].user
        found = objects_named(sent["kind"], sent["objects"], user=acting)
        if len(found) != len(set(sent["objects"])):
            raise NotFound
        do = take_grants if sent["withdraw"] else give_grants
        to = [*sent.get("people", []), *sent.get("roles", [])]
        do(acting=acting, to=to, objects=found, codenames=sent["permissions"])
