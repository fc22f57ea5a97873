"""One small adapter for each peer, imported without its library; `benchmarks.registry` lists them."""
