"""Passwords: changing one's own, and getting a new one by mail when it is forgotten."""
