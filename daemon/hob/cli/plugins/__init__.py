"""`hob plugins`: what there is, turning it on and off, and writing one."""
