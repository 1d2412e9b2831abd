"""Generated from proto/medusa/v1/medusa.proto by `make proto`: seen by the daemon only."""
