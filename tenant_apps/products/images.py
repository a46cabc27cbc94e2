"""``/api/products/{id}/image/``: a product's picture."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiRequest, extend_schema
from rest_framework import generics, parsers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenant_apps.files.pictures import KINDS
from tenant_apps.files.serializers import PictureSerializer
from tenant_apps.files.serving import serve

from .models import Product
from .permissions import KeepsImages
from .serializers import ProductSerializer

# How long a browser shows a picture without asking again, in seconds.
MAX_AGE = 60


class ProductImageView(generics.GenericAPIView[Product]):
    """The picture of a product, for whoever may see the product."""

    queryset = Product.objects.select_related("image", "category")
    key_resource = "products"
    serializer_class = PictureSerializer
    permission_classes = [KeepsImages]
    parser_classes = [parsers.MultiPartParser]
    filter_backends = []

    def get_queryset(self) -> QuerySet[Product]:
        """Return what the caller may see."""
        products: Any = super().get_queryset()
        return products.visible_to(self.request.user)  # type: ignore[no-any-return]

    @extend_schema(
        operation_id="read_picture",
        summary="See a product's picture",
        responses={(200, kind): OpenApiTypes.BINARY for kind in sorted(KINDS)} | {204: None},
    )
    def get(self, request: Request, pk: Any) -> FileResponse | Response:
        """Return the picture; 204 for a product that has none."""
        product = self.get_object()
        if product.image is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        return serve(product.image, max_age=MAX_AGE)

    @extend_schema(
        operation_id="put_picture",
        summary="Give a product a picture",
        request={
            "multipart/form-data": OpenApiRequest(
                PictureSerializer,
                encoding={"file": {"contentType": ", ".join(sorted(KINDS))}},
            )
        },
        responses=ProductSerializer,
    )
    def put(self, request: Request, pk: Any) -> Response:
        """Keep the picture, encoded anew, in place of the one before; answer the product."""
        product = self.get_object()
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        product.show_picture(sent.validated_data["file"], user=request.user)
        return Response(ProductSerializer(product).data)

    @extend_schema(
        operation_id="delete_picture",
        summary="Take a product's picture away",
        responses={204: None},
    )
    def delete(self, request: Request, pk: Any) -> Response:
        """Remove the picture; safe to repeat."""
        self.get_object().show_picture(None)
        return Response(status=status.HTTP_204_NO_CONTENT)
