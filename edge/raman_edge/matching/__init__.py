"""From a prepared spectrum to ranked materials: references, probability and one decision."""
