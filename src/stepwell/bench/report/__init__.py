"""A finished run as data, and what is said of it: on the screen, in Markdown, HTML and charts, beside another run.

Guarantees that all of them say the same, as they are made from the same rows and findings, and that nothing in a report
was measured after its run. May import `catalog`, oracles, the parts' certificates, and of the measures the statistics.
"""
