"""The lab: a real Kubernetes control plane with a real Vault, on loopback."""
