"""What happens to training images before a network sees them."""
