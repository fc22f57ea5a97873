"""What is measured: rows, in one module for each family of scenarios; `benchmarks.scenarios.every` lists them."""
