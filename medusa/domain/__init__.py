"""The rules of publishing: standard library only, synchronous, no clock, no I/O."""
