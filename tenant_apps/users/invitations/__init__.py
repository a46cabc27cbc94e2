"""Inviting people by e-mail: a link of one use, bound to the portal and to their address."""
