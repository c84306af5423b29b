"""Networks of the benchmark in plain PyTorch operators, from their papers' equations, with our names of parameters."""
