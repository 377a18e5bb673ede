"""Pitfalls as pairs: the code with the mistake, the code with the fix, and what both did on real parts."""
