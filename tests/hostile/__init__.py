"""Files that no exporter writes: a corpus, a mutation fuzzer, and what both must survive."""
