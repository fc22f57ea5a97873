"""The bytes of one version, in place."""
