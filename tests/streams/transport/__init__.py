"""What every bus promises, run against each of them."""
