"""The golden model: two engines that must agree, `plain` and `packed`."""
