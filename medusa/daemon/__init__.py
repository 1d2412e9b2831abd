"""medusad: the daemon that any language can talk to."""
