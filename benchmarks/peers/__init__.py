"""The servers that ours are measured beside, and the loader in C."""
