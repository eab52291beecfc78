"""Files that no exporter writes: a corpus of them, a mutation fuzzer, and what both must survive."""
