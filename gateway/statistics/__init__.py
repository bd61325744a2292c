"""Statistics of agreement, one noun a module. Pure: numbers in, numbers out.

Whoever looks once may use `rates.wilson`; whoever looks again and again needs `rates.sequence` or `betting`."""
