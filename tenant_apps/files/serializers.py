from typing import Any

from rest_framework import serializers

from shared_apps.tenants.api import StrictSerializer

from .pictures import NotAPicture, Picture, encoded_anew


class PictureSerializer(StrictSerializer):
    """An upload that becomes our own encoding of a picture."""

    file = serializers.FileField(help_text="A JPEG, PNG or WebP picture (up to 5 MB).")

    def validate_file(self, uploaded: Any) -> Picture:
        """Encode the picture anew, or refuse it."""
        try:
            return encoded_anew(uploaded)
        except NotAPicture as error:
            raise serializers.ValidationError(str(error), code="not_a_picture") from error
