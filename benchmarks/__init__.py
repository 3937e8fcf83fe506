"""What safe_codeact costs, beside its peers, in one run: `python -m benchmarks` (README.md here says what is measured how)."""
