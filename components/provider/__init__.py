"""The stack's own provider: a program that the engine starts, which works on all clients side by side."""
