"""Charts as inline SVG: pure functions from numbers to text, drawn at their final width, coloured by class only."""
