"""memlane between interpreters: each pair exchanges values."""
