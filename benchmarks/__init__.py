"""What memlane costs, beside what else there is: ``python -m benchmarks --help``."""
