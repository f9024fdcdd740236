"""The floating address of several servers, which keepalived moves to one that serves."""
