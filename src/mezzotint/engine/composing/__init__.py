"""From what somebody asks for to complete Recipes: nothing is opened but what tells a family."""
