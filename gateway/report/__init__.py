"""The report of a route: its figures as plain data, and a page that shows them and nothing else."""
