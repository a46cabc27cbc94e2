"""How much one order, or one cart, may hold."""

MAX_ITEMS = 100
MAX_QUANTITY = 10_000
