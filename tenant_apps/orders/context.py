"""What every page of a portal shows of orders."""

from collections.abc import Callable

from django.http import HttpRequest

from .models import CartItem


def cart(request: HttpRequest) -> dict[str, Callable[[], int]]:
    """Context processor: how many products are in the cart, counted where it is shown."""
    return {"cart_size": lambda: CartItem.objects.of(request.user).count()}
