"""Word tables of the data set: which concepts are drawn, what they are called, how they rank."""
