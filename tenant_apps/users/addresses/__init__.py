"""Changing one's address: it counts when it is confirmed from the new one."""
