"""The benchmark: figures of the release binary as a person would see them, beside its peers, on a bare lab."""
