"""What the services cost: one dated price file for one Region, how a person's own is read, and what a bill comes to.

Guarantees that every price names its source, its date and whether that was checked, so that a figure made from it can
say so. Imports nothing of Stepwell.
"""
