"""Orders and imports lock the same products: in one order, so that neither waits for the other."""

import random
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.products.models import Product
from tenant_apps.users.models import User

PRODUCTS, ROUNDS = 60, 40


def test_orders_and_imports_of_the_same_products_never_deadlock(portal):
    tenant = portal()
    handles = [f"h{n:03}" for n in range(PRODUCTS)]
    # Primary keys run against the handles: who locks by handle meets who locks by key.
    with tenant_scope(tenant):
        for handle in reversed(handles):
            Product.objects.create(name=handle, slug=handle, price=1, stock=10**6)
        products = list(Product.objects.order_by("pk").values_list("pk", flat=True))
        user = User.objects.get()
    head = "Handle,Title,Published,Variant Inventory Qty,Variant Price"
    content = "\n".join([head, *(f"{h},{h},true,1000000,1" for h in handles), ""]).encode()

    def imports(seed: int) -> None:
        with tenant_scope(tenant):
            for _ in range(ROUNDS // 4):
                import_catalogue(content)
        connection.close()

    def orders(seed: int) -> None:
        dice = random.Random(seed)
        with tenant_scope(tenant):
            for _ in range(ROUNDS):
                chosen = dice.sample(products, 20)
                place_order(user=user, items=[(product, 1) for product in chosen])
        connection.close()

    # A deadlock would raise OperationalError in one of them.
    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(work, seed) for seed, work in enumerate([imports, orders] * 3)]
        for future in running:
            future.result()
    with tenant_scope(tenant):
        assert Order.objects.count() == 3 * ROUNDS
