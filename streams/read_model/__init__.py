"""What a page, the command line and other programs read: the latest of everything published, in process or in Redis. Never the truth."""
