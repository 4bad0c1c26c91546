"""What nights change of audiences, posted to other systems."""
