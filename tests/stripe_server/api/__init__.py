"""The served requests; importing a module registers its routes."""

from . import catalogue, checkout, customers, events, invoices, subscriptions

__all__ = ["catalogue", "checkout", "customers", "events", "invoices", "subscriptions"]
