"""API keys: what programs sign in with. Each is of a service account, whose role limits it too."""
