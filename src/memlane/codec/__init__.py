"""Values to bytes and back. It knows nothing of shared memory."""
