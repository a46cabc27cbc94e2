from typing import Any, ClassVar

from rest_framework import serializers

from shared_apps.tenants.api import StrictModelSerializer, StrictSerializer

from ..models import Invitation, Role, User
from ..passwords.fields import NewPasswordField
from .inviting import accept, invite
from .models import InvitationState


class InvitationSerializer(StrictModelSerializer):
    roles = serializers.SlugRelatedField(
        many=True,
        slug_field="uuid",
        queryset=Role.objects.all(),
        allow_empty=False,
        help_text="Ids of roles within your reach.",
    )
    state = serializers.ChoiceField(choices=InvitationState.choices, read_only=True)

    class Meta:
        model = Invitation
        fields = [
            *("id", "email", "roles", "state", "invited_by"),
            *("created_at", "expires_at", "accepted_at", "revoked_at"),
        ]
        read_only_fields = ["invited_by", "expires_at", "accepted_at", "revoked_at"]
        # That it is not invited yet, `invite` asks: with the answer a 409.
        extra_kwargs: ClassVar[dict[str, Any]] = {"email": {"validators": []}}

    def create(self, validated_data: dict[str, Any]) -> Invitation:
        """Invite, if the caller may."""
        return invite(acting=self.context["request"].user, **validated_data)


class AcceptInvitationSerializer(StrictSerializer):
    token = serializers.CharField(max_length=200, help_text="The last part of the link.")
    name = serializers.CharField(max_length=120)
    password = NewPasswordField()

    def create(self, validated_data: dict[str, Any]) -> User:
        """Make the person."""
        return accept(**validated_data)
