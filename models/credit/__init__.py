"""The credit model of the example: 1,000 real applications, their preprocessing, the training and its reasons."""
