"""The guide `docs/first-order.md`, its commands run as they stand there."""

import os
import re
import subprocess

from config.embedded import free_port
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.models import Order
from tenant_apps.products.models import Product
from tenant_apps.users.models import ApiKey
from tests.api import PASSWORD
from tests.stack.running import ROOT, web

GUIDE = (ROOT / "docs" / "first-order.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- block ---"


def commands_and_outputs() -> list[tuple[str, str | None]]:
    """Return each block of commands with what the guide says it prints."""
    blocks = BLOCK.findall(GUIDE)
    assert {kind for kind, _ in blocks} == {"sh", "text"}
    follows = [*blocks[1:], ("", "")]
    return [
        (text, after if kind_after == "text" else None)
        for (kind, text), (kind_after, after) in zip(blocks, follows, strict=True)
        if kind == "sh"
    ]


def test_its_commands_do_what_it_says(portal, tmp_path):
    tenant, port = portal(), free_port()
    with tenant_scope(tenant):
        for n, stock in ((1, 0), (2, 5), (3, 5)):
            Product.objects.create(name=f"Lamp {n}", slug=f"lamp-{n}", price=n, stock=stock)
    own = {
        "portal": f"http://{tenant.primary_host}:{port}",
        "email": f"owner@{tenant.primary_host.partition('.')[0]}.example",
        "password": PASSWORD,
    }
    (to_set, _), *steps = commands_and_outputs()
    assert re.findall(r"^(\w+)=", to_set, re.MULTILINE) == list(own)
    setting = [f"{name}='{value}'" for name, value in own.items()]
    script = ["set -euo pipefail", *setting]
    for commands, _ in steps:
        script += [f"echo '{MARK}'", commands]
    with web(port, tmp_path / "web"):
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    _, *printed = done.stdout.split(MARK)
    for (commands, expected), output in zip(steps, printed, strict=True):
        if expected is not None:
            form = ".*".join(map(re.escape, expected.strip().split("…")))
            assert re.fullmatch(form, output.strip(), re.DOTALL), f"{commands}\n{output}"
    with tenant_scope(tenant):
        [order] = Order.objects.prefetch_related("items")
        [item] = order.items.all()
        key = ApiKey.objects.get()
        assert order.user_id == key.user_id
        assert (order.status, item.product_name, item.quantity) == ("pending", "Lamp 2", 1)
