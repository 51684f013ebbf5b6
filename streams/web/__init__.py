"""The worker's web server: the live page, answers to requests, health, metrics, and on a bus in memory the way in. Loopback by default."""
