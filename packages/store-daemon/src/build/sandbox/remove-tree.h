// Removal of what a build leaves.
#pragma once

/** Removes a file or a tree, however deep it is and whatever its modes are. Nobody else may be at work in it. */
void remove_tree(const char *path);
