"""The daemon over a real channel."""
